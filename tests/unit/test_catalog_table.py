"""Tables of products as they come: in pieces of any size, with everything that people put into spreadsheets."""

import json
from collections.abc import AsyncIterator

import pytest

from api.catalog_import import Progress, import_table, rehearsing
from api.catalog_table import Row, rows_of
from api.media import CSV, NDJSON
from api.table_lines import MAX_LINE_BYTES, RowError, Unreadable
from commands.handler import Handler
from commands.product import products
from events.category import CategoryCreated
from events.claim import NameClaimed
from events.store import Append, EventStore, Metadata
from events.values import CategoryId, Media, Money
from infrastructure.memory_store import MemoryEventStore

ALL = CategoryId("cat_all")
HEADER = b"slug,name,category,sku,price_minor,currency\n"


async def pieces(table: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for begin in range(0, len(table), size):
        yield table[begin : begin + size]


async def read(table: bytes, media_type: str = CSV, size: int = 65_536) -> list[Row | RowError]:
    return [row async for group in rows_of(pieces(table, size), media_type) for row in group]


async def errors_in(table: bytes, media_type: str = CSV) -> list[tuple[int, str, str]]:
    return [(each.line, each.field, each.code) for each in await read(table, media_type) if isinstance(each, RowError)]


async def book() -> MemoryEventStore:
    store = MemoryEventStore()
    await store.append(Append([NameClaimed("category-slug:all", ALL), CategoryCreated(ALL, "all", "All")]))
    return store


async def brought_in(
    store: EventStore, table: bytes, media_type: str = CSV, *, dry_run: bool = False
) -> list[Progress]:
    handler = rehearsing(store) if dry_run else Handler(store)
    told = import_table(handler, pieces(table), media_type, Metadata("me"), dry_run=dry_run)
    return [each async for each in told]


def table_of(rows: int) -> bytes:
    return HEADER + b"".join(b"p-%d,P %d,all,S-%d,100,EUR\n" % (n, n, n) for n in range(rows))


@pytest.mark.parametrize("size", [1, 7, 64, 65_536])
async def test_a_table_is_read_in_pieces_of_any_size(size: int) -> None:
    header, cells = (
        "\ufeffslug,name,attributes.color,media",
        'mug,"A ""big""\nmug, ümläut",red,"[{""url"":""/a.jpg""}]"',
    )
    table = f"{header}\r\n{cells}\r\n\r\ncup,Cup"
    first, second = await read(table.encode(), size=size)
    assert isinstance(first, Row)
    assert isinstance(second, Row)
    assert (first.line, first.command.name) == (2, 'A "big"\nmug, ümläut')
    assert (first.command.attributes, first.command.media) == ({"color": "red"}, (Media("/a.jpg"),))
    assert (second.line, second.command.slug, second.command.name) == (5, "cup", "Cup")


async def test_what_a_spreadsheet_of_the_continent_writes_is_read() -> None:
    (row,) = await read(b"sku;price_minor;currency\nA;1;EUR\n")
    assert isinstance(row, Row)
    assert (row.command.sku, row.command.price) == ("A", Money(1, "EUR"))


async def test_lines_of_json_are_read() -> None:
    rows = [{"slug": "mug", "attributes": {"weight": 0.5}, "options": {"size": "S"}, "sku": "A"}, {"sku": "B"}]
    first, second = await read(b"\n".join(json.dumps(row).encode() for row in rows), NDJSON)
    assert isinstance(first, Row)
    assert (first.command.attributes, first.command.options, first.command.texts) == (
        {"weight": 0.5},
        {"size": "S"},
        False,
    )
    assert (second.line, isinstance(second, Row)) == (2, True)


async def test_each_bad_row_is_told_with_its_line_and_field_and_the_others_are_read() -> None:
    table = (
        b"slug,sku,price_minor,currency,compare_at_minor,media\n"
        b"Mug,,,,,\n"
        b",A,19.99,EUR,,\n"
        b",A,1,XXX,,\n"
        b",A,1,,,\n"
        b",A,2,EUR,2,\n"
        b"mug,,1,EUR,,\n"
        b"mug,,,,,[\n"
        b"mug,,,,,,,\n"
        b',,5,"EUR",,\n'
        b"m\xffg,,,,,\n"
        b",GOOD,1,EUR,,\n"
    )
    assert await errors_in(table) == [
        (2, "slug", "string_pattern_mismatch"),
        (3, "price_minor", "int_parsing"),
        (4, "currency", "value_error"),
        (5, "currency", "field_required"),
        (6, "compare_at_minor", "value_error"),
        (7, "sku", "field_required"),
        (8, "media", "malformed_json"),
        (9, "", "too_many_cells"),
        (10, "slug", "field_required"),
        (11, "slug", "string_unicode"),
    ]
    assert len(await read(table)) == 11


async def test_bad_lines_of_json_are_told() -> None:
    table = b'{"slug": 1}\n{\n[]\n{"sku": "A", "colour": "red"}\n{"slug": "m", "attributes": {"Color": 1}}\n'
    told = await errors_in(table, NDJSON)
    assert [line for line, _, _ in told] == [1, 2, 3, 4, 5]
    assert [field for _, field, _ in told] == ["slug", "", "", "colour", "attributes.Color"]


@pytest.mark.parametrize(
    ("table", "line", "code"),
    [
        (b"slug\rname\nmug,Mug\n", 1, "malformed_csv"),
        (b"slug,colour\nmug,red\n", 1, "unknown_column"),
        (b"slug,slug\nmug,mug\n", 1, "repeated_column"),
        (HEADER + b"x" * (MAX_LINE_BYTES + 70_000), 2, "line_too_long"),
        (HEADER + b'"' + b"x\n" * 4_100_000, 2, "quote_not_closed"),
    ],
)
async def test_what_cannot_be_understood_ends_the_reading(table: bytes, line: int, code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        await read(table)
    assert (caught.value.error.line, caught.value.error.code) == (line, code)


@pytest.mark.parametrize("table", [b"", HEADER, HEADER + b"\n,,,\n"])
async def test_an_empty_table_brings_nothing(table: bytes) -> None:
    told = await brought_in(await book(), table)
    assert [each.tally.rows for each in told if each.tally.rows] == []


async def test_rows_come_in_once_and_a_change_is_a_change() -> None:
    store, table = await book(), table_of(1_100)
    assert (await brought_in(store, table))[-1].tally.created == 1_100
    head = await store.head()
    again = (await brought_in(store, table))[-1].tally
    assert (again.created, again.changed, again.unchanged, await store.head()) == (0, 0, 1_100, head)
    changed = (await brought_in(store, table.replace(b"S-7,100", b"S-7,90")))[-1].tally
    assert (changed.changed, changed.unchanged, changed.position) == (1, 1_099, head + 1)


async def test_an_import_cut_short_anywhere_goes_on_where_it_stopped() -> None:
    store, table = await book(), table_of(1_100)
    async for each in import_table(Handler(store), pieces(table), CSV, Metadata()):
        assert each.tally.rows < 1_100
        break
    rest = (await brought_in(store, table))[-1].tally
    assert (rest.rows, rest.unchanged > 0, rest.unchanged + rest.created) == (1_100, True, 1_100)


async def test_a_dry_run_says_what_would_happen_and_nothing_is_stored() -> None:
    store, table = await book(), table_of(600) + b"p-1,P 1,all,S-2,100,EUR\np-1,,,S-1b,1,EUR\nx,X,none,,,\n"
    head = await store.head()
    (dry,) = [each.tally for each in await brought_in(store, table, dry_run=True)][-1:]
    assert await store.head() == head
    errors = [error for each in await brought_in(store, table, dry_run=True) for error in each.errors]
    assert [(error.line, error.field, error.code) for error in errors] == [
        (602, "sku", "name_taken"),
        (604, "category", "not_found"),
    ]
    told = await brought_in(store, table)
    real = told[-1].tally
    assert [error for each in told for error in each.errors] == errors
    assert (dry.created, dry.changed, dry.failed) == (real.created, real.changed, real.failed) == (600, 1, 2)


async def test_rows_of_one_product_come_in_in_their_order() -> None:
    store = await book()
    table = HEADER + b"mug,Mug,all,A,1,EUR\nmug,,,B,2,EUR\nmug,,,A,3,USD\n,,,B,4,EUR\nmug,Cup,,,,\n"
    (told,) = await brought_in(store, table)
    assert told.errors == []
    (claim,) = [fact.event for fact in await store.read(["claim-product-slug:mug"])]
    assert isinstance(claim, NameClaimed)
    mug = await Handler(store).read(products(claim.owner))
    assert (mug.name, {sku: dict(variant.prices) for sku, variant in mug.variants.items()}) == (
        "Cup",
        {"A": {"EUR": Money(1, "EUR"), "USD": Money(3, "USD")}, "B": {"EUR": Money(4, "EUR")}},
    )
