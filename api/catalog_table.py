"""Tables of products as CSV or NDJSON: read line by line from a stream of bytes, in memory that does not grow.

Both formats have the same fields. In CSV attributes and options have a column each (`attributes.color`), media are
JSON, and an empty cell says nothing. Amounts are in minor units.
"""

import csv
import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from api.fields import (
    MAX_PRICE_MINOR,
    MAX_UNITS,
    AttributesField,
    Body,
    Currency,
    Description,
    MediaList,
    Name,
    OptionsField,
    SkuField,
    Slug,
    TaxClass,
)
from api.media import CSV
from commands.catalog_row import PutCatalogRow
from events.values import Money, ProductId
from infrastructure.ids import new_id

COLUMNS = (
    "slug",
    "name",
    "description",
    "category",
    "status",
    "sku",
    "price_minor",
    "currency",
    "compare_at_minor",
    "tax_class",
    "weight_g",
    "media",
)
GROUPS = ("attributes", "options")
ROWS_AT_ONCE = 512
MAX_LINE_BYTES = 1_000_000
MAX_RECORDS_BYTES = 8_000_000

_Minor = Annotated[int, Field(ge=0, le=MAX_PRICE_MINOR)]
_BOM = b"\xef\xbb\xbf"


class CatalogRow(Body):
    """What a row may say of a product and of one of its variants."""

    slug: Slug | None = None
    name: Name | None = None
    description: Description | None = None
    category: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,100}$")] | None = None
    status: Literal["draft", "active", "archived"] | None = None
    sku: SkuField | None = None
    price_minor: _Minor | None = None
    currency: Currency | None = None
    compare_at_minor: _Minor | None = None
    tax_class: TaxClass | None = None
    weight_g: Annotated[int, Field(ge=0, le=MAX_UNITS)] | None = None
    attributes: AttributesField | None = None
    options: OptionsField | None = None
    media: MediaList | None = None


class RowError(NamedTuple):
    """What is wrong with one row, at which line of the table."""

    line: int
    field: str
    code: str
    message: str


class Row(NamedTuple):
    line: int
    command: PutCatalogRow


class Unreadable(Exception):
    """Nothing beyond this line can be understood."""

    def __init__(self, line: int, code: str, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.error = RowError(line, "", code, message)


_ROW = TypeAdapter(CatalogRow)


async def rows_of(chunks: AsyncIterable[bytes], media_type: str) -> AsyncIterator[list[Row | RowError]]:
    """Some hundred rows at a time. Raises Unreadable."""
    groups = _csv_groups(chunks) if media_type == CSV else _ndjson_groups(chunks)
    async for group in groups:
        yield group


async def _ndjson_groups(chunks: AsyncIterable[bytes]) -> AsyncIterator[list[Row | RowError]]:
    async for first, lines in _lines(chunks):
        for begin in range(0, len(lines), ROWS_AT_ONCE):
            some = enumerate(lines[begin : begin + ROWS_AT_ONCE], first + begin)
            yield [_from_json(number, line) for number, line in some if line.strip()]


async def _csv_groups(chunks: AsyncIterable[bytes]) -> AsyncIterator[list[Row | RowError]]:
    header: Sequence[str] | None = None
    delimiter = ","
    async for first, lines in _whole_records(chunks):
        if header is None:
            delimiter = ";" if b";" in lines[0] and b"," not in lines[0] else ","
            header = _header(lines, delimiter)
        else:
            yield list(_records(lines, first, header, delimiter))


async def _whole_records(chunks: AsyncIterable[bytes]) -> AsyncIterator[tuple[int, list[bytes]]]:
    """First the lines of the header, then those of some hundred records at a time: a line may end inside a cell.

    Raises Unreadable, once all that came before has been told."""
    kept: list[bytes] = []
    first, quotes, size, wanted = 1, 0, 0, 1
    end: Unreadable | None = None
    try:
        async for number, lines in _lines(chunks):
            for offset, line in enumerate(lines):
                kept.append(line)
                quotes, size = quotes + line.count(b'"'), size + len(line)
                if quotes % 2 and size > MAX_RECORDS_BYTES:
                    raise Unreadable(first, "quote_not_closed", "a quote is opened here or below and never closed")
                if quotes % 2 == 0 and len(kept) >= wanted:
                    yield first, kept
                    kept, first, quotes, size, wanted = [], number + offset + 1, 0, 0, ROWS_AT_ONCE
    except Unreadable as unreadable:
        end = unreadable
    if kept and (end is None or quotes % 2 == 0):
        yield first, kept
    if end is not None:
        raise end


def _header(lines: Sequence[bytes], delimiter: str) -> Sequence[str]:
    """Raises Unreadable for a column that is not known, or given twice."""
    names = [name.strip() for name in next(csv.reader(_decoded(lines), delimiter=delimiter), [])]
    for name in names:
        group, _, rest = name.partition(".")
        if name not in COLUMNS and not (group in GROUPS and rest):
            raise Unreadable(1, "unknown_column", f"{name[:100]!r} is no column; known are {', '.join(COLUMNS)}")
        if names.count(name) > 1:
            raise Unreadable(1, "repeated_column", f"{name} is there twice")
    return names


def _records(lines: Sequence[bytes], first: int, header: Sequence[str], delimiter: str) -> Iterator[Row | RowError]:
    reader = csv.reader(_decoded(lines), delimiter=delimiter)
    while True:
        line = first + reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield RowError(line, "", "malformed_csv", str(error))
            continue
        if not any(cells):
            continue
        if len(cells) > len(header):
            yield RowError(line, "", "too_many_cells", f"has {len(cells)} cells, and the header {len(header)}")
            continue
        yield _from_cells(line, dict(zip(header, cells, strict=False)))


def _from_cells(line: int, cells: dict[str, str]) -> Row | RowError:
    said: dict[str, Any] = {}
    for name, cell in cells.items():
        if not cell:
            continue
        group, _, rest = name.partition(".")
        if rest:
            said.setdefault(group, {})[rest] = cell
        elif name == "media":
            try:
                said[name] = json.loads(cell)
            except ValueError:
                return RowError(
                    line, name, "malformed_json", "should be JSON: a list of objects with url, alt and kind"
                )
        else:
            said[name] = cell
    try:
        return _row(line, _ROW.validate_python(said), texts=True)
    except ValidationError as error:
        return _refused(line, error)


def _from_json(line: int, text: bytes) -> Row | RowError:
    try:
        return _row(line, _ROW.validate_json(text), texts=False)
    except ValidationError as error:
        return _refused(line, error)


def _row(line: int, said: CatalogRow, *, texts: bool) -> Row | RowError:
    if said.slug is None and said.sku is None:
        return RowError(line, "slug", "field_required", "a row needs a slug or a sku, or both")
    if (said.price_minor is None) != (said.currency is None):
        missing = "price_minor" if said.price_minor is None else "currency"
        return RowError(line, missing, "field_required", "a price needs price_minor and currency")
    price = compare_at = None
    if said.price_minor is not None and said.currency is not None:
        price = Money(said.price_minor, said.currency)
    if said.compare_at_minor is not None:
        if price is None or said.compare_at_minor <= price.amount:
            return RowError(line, "compare_at_minor", "value_error", "should be higher than the price beside it")
        compare_at = Money(said.compare_at_minor, price.currency)
    if said.sku is None and (price or said.options or said.tax_class or said.weight_g is not None):
        return RowError(line, "sku", "field_required", "price, options, tax_class and weight_g are a variant's")
    media = None if said.media is None else tuple(each.value() for each in said.media)
    command = PutCatalogRow(
        ProductId(new_id("prd")),
        said.slug,
        said.name,
        said.description,
        said.category,
        said.status,
        said.attributes,
        media,
        said.sku,
        price,
        compare_at,
        said.options,
        said.tax_class,
        said.weight_g,
        texts,
    )
    return Row(line, command)


def _refused(line: int, error: ValidationError) -> RowError:
    found = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in found["loc"][:2] if not str(part).startswith("constrained"))
    return RowError(line, field, found["type"], found["msg"])


def _decoded(lines: Iterable[bytes]) -> Iterator[str]:
    """What is not UTF-8 comes out as what no field may hold, so that its row is refused and no other."""
    return (line.decode(errors="surrogateescape") for line in lines)


async def _lines(chunks: AsyncIterable[bytes]) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Whole lines as they come, with the number of the first. Raises Unreadable for a line without end."""
    rest, number = b"", 1
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            if number == 1:
                lines[0] = lines[0].removeprefix(_BOM)
            yield number, [line + b"\n" for line in lines]
            number += len(lines)
        if len(rest) > MAX_LINE_BYTES:
            raise Unreadable(number, "line_too_long", f"has more than {MAX_LINE_BYTES:,} bytes")
    if rest:
        yield number, [rest]
