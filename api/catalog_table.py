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
from api.table_lines import ROWS_AT_ONCE, RowError, Unreadable, lines_of, whole_records
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

_Minor = Annotated[int, Field(ge=0, le=MAX_PRICE_MINOR)]


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


class Row(NamedTuple):
    line: int
    command: PutCatalogRow


_ROW = TypeAdapter(CatalogRow)


async def rows_of(chunks: AsyncIterable[bytes], media_type: str) -> AsyncIterator[list[Row | RowError]]:
    """Some hundred rows at a time. Raises Unreadable."""
    groups = _csv_groups(chunks) if media_type == CSV else _ndjson_groups(chunks)
    async for group in groups:
        yield group


async def _ndjson_groups(chunks: AsyncIterable[bytes]) -> AsyncIterator[list[Row | RowError]]:
    async for first, lines in lines_of(chunks):
        for begin in range(0, len(lines), ROWS_AT_ONCE):
            some = enumerate(lines[begin : begin + ROWS_AT_ONCE], first + begin)
            yield [_from_json(number, line) for number, line in some if line.strip()]


async def _csv_groups(chunks: AsyncIterable[bytes]) -> AsyncIterator[list[Row | RowError]]:
    header: Sequence[str] | None = None
    delimiter = ","
    async for first, lines in whole_records(chunks):
        if header is None:
            delimiter = ";" if b";" in lines[0] and b"," not in lines[0] else ","
            header = _header(lines, delimiter)
        else:
            yield list(_records(lines, first, header, delimiter))


def _header(lines: Sequence[bytes], delimiter: str) -> Sequence[str]:
    """Raises Unreadable for what is no line of CSV, and for a column that is not known or given twice."""
    try:
        names = [name.strip() for name in next(csv.reader(_decoded(lines), delimiter=delimiter), [])]
    except csv.Error as error:
        raise Unreadable(1, "malformed_csv", str(error)) from None
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
