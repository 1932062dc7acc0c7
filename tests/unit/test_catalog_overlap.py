"""A table comes in group by group, and a group is decided upon while the one before is on its way to the disk."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from api.catalog_import import import_table
from api.media import CSV
from api.table_lines import ROWS_AT_ONCE, Unreadable
from commands.claim import claims
from commands.handler import Handler
from commands.product import products
from events.category import CategoryCreated
from events.claim import NameClaimed
from events.store import Append, Appended, Metadata, StoreBusy
from events.values import CategoryId, ProductId, Sku
from infrastructure.memory_store import MemoryEventStore

ALL = CategoryId("cat_all")
HEADER = b"slug,name,category,sku,price_minor,currency\n"
FULL = [b"p-%d,P %d,all,S-%d,100,EUR\n" % (n, n, n) for n in range(ROWS_AT_ONCE)]


class SlowStore(MemoryEventStore):
    """So slow that a whole group waits for it."""

    under_way, most_under_way = 0, 0

    async def append(self, append: Append) -> Appended:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0.05)
        self.under_way -= 1
        return await super().append(append)


async def slow_store() -> SlowStore:
    store = SlowStore()
    await store.append(Append([NameClaimed("category-slug:all", ALL), CategoryCreated(ALL, "all", "All")]))
    return store


async def pieces(*lines: bytes) -> AsyncIterator[bytes]:
    for line in (HEADER, *lines):
        yield line


async def test_the_next_group_does_not_wait_for_the_disk() -> None:
    store = await slow_store()
    table = pieces(*FULL, *(line.replace(b"p-", b"q-").replace(b"S-", b"T-") for line in FULL))
    told = [each.tally.created async for each in import_table(Handler(store), table, CSV, Metadata())]
    assert told == [ROWS_AT_ONCE, 2 * ROWS_AT_ONCE]
    assert store.most_under_way > ROWS_AT_ONCE


async def test_a_row_does_not_overtake_those_of_its_product_in_the_group_before() -> None:
    store = await slow_store()
    first = [*FULL[:-2], b"mug,Mug,all,MUG,100,EUR\n", b",,,MUG,200,EUR\n"]
    async for each in import_table(Handler(store), pieces(*first, b",,,MUG,300,EUR\n"), CSV, Metadata()):
        assert each.errors == []
    mug = (await Handler(store).read(claims("sku:MUG"))).owner
    assert mug is not None
    product = await Handler(store).read(products(ProductId(mug)))
    assert product.variants[Sku("MUG")].prices["EUR"].amount == 300


async def test_what_was_read_before_the_sender_went_away_comes_in() -> None:
    store = await slow_store()

    async def cut_short() -> AsyncIterator[bytes]:
        async for line in pieces(*FULL, FULL[0]):
            yield line
        raise ConnectionError

    told = []
    with pytest.raises(ConnectionError):
        async for each in import_table(Handler(store), cut_short(), CSV, Metadata()):
            told.append(each.tally.created)
    assert told == [ROWS_AT_ONCE]


async def test_progress_is_told_while_nothing_more_comes() -> None:
    store, told = await slow_store(), asyncio.Event()

    async def patient() -> AsyncIterator[bytes]:
        async for line in pieces(*FULL):
            yield line
        await asyncio.wait_for(told.wait(), 60)
        yield FULL[0]

    rows = []
    async for each in import_table(Handler(store), patient(), CSV, Metadata()):
        told.set()
        rows.append(each.tally.rows)
    assert rows == [ROWS_AT_ONCE, ROWS_AT_ONCE + 1]


async def test_a_store_that_stays_away_ends_it_and_nothing_is_left_running(monkeypatch: pytest.MonkeyPatch) -> None:
    store = await slow_store()
    monkeypatch.setattr("api.catalog_import.PAUSES_S", ())

    async def away(append: Append) -> Appended:
        raise StoreBusy("away")

    monkeypatch.setattr(store, "append", away)
    before = asyncio.all_tasks()
    with pytest.raises(StoreBusy):
        async for _ in import_table(Handler(store), pieces(*FULL, *FULL), CSV, Metadata()):
            raise AssertionError("nothing came in")
    assert asyncio.all_tasks() == before


async def test_a_line_that_nobody_can_read_ends_it_after_all_before() -> None:
    store = await slow_store()
    rows = []
    with pytest.raises(Unreadable):
        async for each in import_table(Handler(store), pieces(*FULL, b'x,"' + b"y" * 9_000_000), CSV, Metadata()):
            rows.append(each.tally.rows)
    assert rows == [ROWS_AT_ONCE]
