"""Streams that several processes want at once: who loses reads what is new, once for all, and decides again."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pytest

from commands.claim import sku_name
from commands.decider import Ref
from commands.handler import Handler, Once
from commands.states import NOTHING, Known, Replayed
from commands.stock import AdjustStock, ReceiveStock, stocks
from events.claim import NameClaimed
from events.stock import StockReceived
from events.store import Recorded, StreamArchived
from events.values import DEFAULT_LOCATION, Sku
from tests.unit.held_store import HeldStore, settled
from tests.unit.pasts import MUG, SMALL, stocked

STOCK = stocks(SMALL, DEFAULT_LOCATION)


class Told(Replayed):
    """Remembers from where each stream was to be read."""

    def __init__(self, store: HeldStore) -> None:
        super().__init__(store)
        self.reads: list[tuple[str, int]] = []
        self.hold: asyncio.Event | None = None

    async def read(self, refs: Sequence[Ref[Any]], since: Mapping[str, Known] = NOTHING) -> Mapping[str, Known]:
        self.reads += [(ref.stream, since[ref.stream].version if ref.stream in since else 0) for ref in refs]
        if self.hold is not None:
            await self.hold.wait()
        return await super().read(refs, since)


@pytest.fixture
async def store() -> HeldStore:
    store = HeldStore()
    await store.happened_elsewhere(*stocked)
    return store


async def test_who_loses_again_goes_on_from_what_is_known(store: HeldStore) -> None:
    states = Told(store)
    handler = Handler(store, states)
    await handler(ReceiveStock(SMALL, 1))
    for _ in range(2):
        await store.happened_elsewhere(StockReceived(SMALL, 1))
        await handler(ReceiveStock(SMALL, 1))
    assert [since for stream, since in states.reads if stream == STOCK.stream] == [0, 0, 4]
    assert (await handler.read(STOCK)).on_hand == 15


async def test_all_who_lose_read_once_and_travel_together(store: HeldStore) -> None:
    states = Told(store)
    handler = Handler(store, states)
    await handler(ReceiveStock(SMALL, 1))
    await store.happened_elsewhere(StockReceived(SMALL, 1))
    states.reads.clear()
    await asyncio.gather(*[handler(AdjustStock(SMALL, -1, "count")) for _ in range(5)])
    assert [stream for stream, _ in states.reads].count(STOCK.stream) == 1
    assert (await handler.read(STOCK)).on_hand == 7


async def test_one_who_reads_for_others_may_go(store: HeldStore) -> None:
    states = Told(store)
    handler = Handler(store, states)
    states.hold = asyncio.Event()
    leaving, staying = (asyncio.create_task(handler(ReceiveStock(SMALL, 1))) for _ in range(2))
    while not states.reads:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    leaving.cancel()
    states.hold.set()
    assert len((await staying).events) == 1
    assert leaving.cancelled()
    assert [stream for stream, _ in states.reads].count(STOCK.stream) <= 1


async def test_what_is_archived_is_said_unless_it_was_answered_before(
    store: HeldStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = Once("key", b"request", lambda done: b"answer")
    await Handler(store)(ReceiveStock(SMALL, 1), once=once)

    async def archived(streams: Collection[str]) -> Sequence[Recorded]:
        raise StreamArchived(STOCK.stream, ())

    monkeypatch.setattr(store, "read", archived)
    handler = Handler(store)
    assert (await handler(ReceiveStock(SMALL, 1), once=once)).replayed == b"answer"
    with pytest.raises(StreamArchived):
        await handler(ReceiveStock(SMALL, 1))


async def test_who_has_lost_often_drops_all_that_others_have_moved(store: HeldStore) -> None:
    """Not only what the append has stumbled over: of many streams that would take as many attempts."""
    skus = [Sku(f"MUG-{number}") for number in range(9)]
    every = [ReceiveStock(sku, 1) for sku in skus]
    claimed = [NameClaimed(sku_name(sku), MUG) for sku in skus]
    handler = Handler(store)
    await store.happened_elsewhere(*claimed)
    await handler(*every)
    await store.happened_elsewhere(*claimed)
    store.asked.clear()
    await handler(*every)
    assert 1 < len(store.asked) < len(skus)


async def test_who_loses_twice_in_a_row_goes_on_from_what_was_read_in_between(store: HeldStore) -> None:
    states = Told(store)
    handler = Handler(store, states)
    await handler(ReceiveStock(SMALL, 1))
    states.reads.clear()
    store.hold = True
    task = asyncio.create_task(handler(ReceiveStock(SMALL, 1)))
    for _ in range(2):
        await settled()
        await store.happened_elsewhere(StockReceived(SMALL, 1))
        await store.let_go()
    await store.let_go()
    await task
    assert [since for stream, since in states.reads if stream == STOCK.stream] == [0, 3]
