"""The handler when others' facts that commute come in between: no conflict, and nothing rests on what is not known."""

import asyncio
from typing import Any

import pytest

from commands import streams
from commands.checkout import RecordSale
from commands.decider import Ref
from commands.handler import Done, Handler
from commands.location import OpenLocation, all_locations
from commands.order_life import CancelOrder
from commands.rejections import OutOfStock, VersionMismatch
from commands.states import Known, Replayed
from commands.stock import ReceiveStock, SetThreshold
from events.stock import StockRanLow, StockReserved
from events.values import Line, OrderId
from tests.unit.held_store import HeldStore, settled
from tests.unit.hot_stock import STOCK, available, handler, store
from tests.unit.pasts import ANN, KITCHEN, MUG, SMALL, eur
from tests.unit.shop import refused

__all__ = ["handler", "store"]


class Noted(Replayed):
    """Remembers the versions of the stock that states were said to be of."""

    def __init__(self, store: HeldStore) -> None:
        super().__init__(store)
        self.known: list[Known] = []
        self.streams: list[str] = []

    def moved(self, ref: Ref[Any], before: int, now: Known) -> None:
        self.known += [now] if ref == STOCK else []
        self.streams.append(ref.stream)


@pytest.fixture
async def elsewhere(store: HeldStore, handler: Handler) -> Handler:
    """The handler of another process, which knows as much."""
    other = Handler(store)
    await asyncio.gather(handler(sale("first", 1)), other(sale("second", 1)))
    await handler(ReceiveStock(SMALL, 2))  # each has had to read what the other did, and there are ten units again
    with refused(OutOfStock):
        await other(sale("none", 11))
    store.asked.clear()
    return other


def sale(name: str, units: int) -> RecordSale:
    return RecordSale(OrderId(name), ANN, (Line(SMALL, MUG, "Mug", KITCHEN, units, eur(700), eur(700) * units),))


async def test_two_processes_reserve_without_a_conflict(store: HeldStore, handler: Handler, elsewhere: Handler) -> None:
    for n in range(5):
        await asyncio.gather(handler(sale(f"here {n}", 1)), elsewhere(sale(f"there {n}", 1)))
    assert len(store.asked) == 10
    assert await available(store) == 0


async def test_who_would_take_too_much_is_told_what_is_left(
    store: HeldStore, handler: Handler, elsewhere: Handler
) -> None:
    await elsewhere(sale("there", 7))
    with refused(OutOfStock, items=[{"sku": SMALL, "requested": 4, "available": 3}]):
        await handler(sale("here", 4))
    assert await available(store) == 3


async def test_what_others_have_given_back_can_be_had(store: HeldStore, handler: Handler, elsewhere: Handler) -> None:
    await handler(sale("here", 6))
    await elsewhere(CancelOrder(OrderId("first"), "no more"))
    await handler(sale("more", 1))  # goes past what the other did
    await elsewhere(CancelOrder(OrderId("here"), "no more"))
    await handler(sale("all", 10))
    assert await available(store) == 0


async def test_a_refusal_falls_if_what_moves_the_stream_on_went_past_others_facts(
    store: HeldStore, handler: Handler, elsewhere: Handler
) -> None:
    more: list[asyncio.Task[Done]] = []
    await elsewhere(sale("five", 5))
    with refused(OutOfStock):
        await handler(sale("none", 6))

    async def meanwhile() -> None:
        store.hold = True
        more.append(asyncio.create_task(handler(sale("one", 1))))
        await settled()
        store.hold = False
        await elsewhere(CancelOrder(OrderId("five"), "no more"))
        await store.let_go()

    store.meanwhile = meanwhile
    await handler(sale("eight", 8))
    assert len((await more[0]).events) == 2
    assert await available(store) == 1


async def test_what_rests_on_more_than_the_balance_reads_what_others_did(
    store: HeldStore, handler: Handler, elsewhere: Handler
) -> None:
    await elsewhere(sale("there", 1))
    version = (await store.versions([STOCK.stream]))[STOCK.stream]
    done = await handler(ReceiveStock(SMALL, 1))
    assert done.versions[STOCK.stream] == version + 1
    assert len(store.asked) == 3
    assert await available(store) == 10


async def test_a_version_that_the_caller_insists_on_is_insisted_on(
    store: HeldStore, handler: Handler, elsewhere: Handler
) -> None:
    before = (await store.versions([STOCK.stream]))[STOCK.stream]
    await elsewhere(sale("there", 1))
    with refused(VersionMismatch, expected_version=before, current_version=before + 1):
        await handler(sale("here", 1), expected={STOCK: before})


async def test_what_leaves_others_facts_out_is_no_state_of_the_stream(store: HeldStore) -> None:
    states = Noted(store)
    here, there = Handler(store, states), Handler(store)
    await asyncio.gather(here(sale("here", 1)), there(sale("there", 1)))
    states.known.clear()
    await there(sale("there again", 1))
    await here(sale("passing", 1))
    assert states.known == []
    await here(ReceiveStock(SMALL, 1))
    assert [known.state.reserved for known in states.known] == [4]


async def test_what_is_written_besides_a_stream_that_others_moved_is_told(store: HeldStore) -> None:
    states = Noted(store)
    here, there = Handler(store, states), Handler(store)
    await asyncio.gather(here(sale("here", 1)), there(sale("there", 1)))
    await there(sale("there again", 1))
    states.streams.clear()
    await here(sale("passing", 1), OpenLocation("attic"))
    assert states.streams == ["order-passing", all_locations.stream]


async def test_others_facts_are_read_once_in_a_while(
    store: HeldStore, handler: Handler, elsewhere: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the process that takes the stream across the mark, wherever it believes the stream to be."""
    monkeypatch.setattr(streams, "READ_EVERY", 4)
    for n in range(9):
        version = (await store.versions([STOCK.stream]))[STOCK.stream]
        who, other = (handler, elsewhere) if n % 3 == 2 else (elsewhere, handler)
        known = other._streams.get(STOCK.stream)
        await who(sale(f"sale {n}", 1))
        crossed = version // 4 != (version + 1) // 4
        assert (STOCK.stream in who._streams) != crossed
        assert other._streams.get(STOCK.stream) is known


async def test_who_reads_waits_for_what_this_process_has_under_way(store: HeldStore, handler: Handler) -> None:
    """Else it would be behind its own process, and never get to an exact version while that is busy."""
    store.hold = True
    under_way = asyncio.create_task(handler(sale("here", 1)))
    await settled()
    handler._streams.forget(STOCK.stream)
    exact = asyncio.create_task(handler(ReceiveStock(SMALL, 1)))
    await settled()
    assert len(store.asked) == 1
    store.hold = False
    await store.let_go()
    await asyncio.gather(under_way, exact)
    assert len(store.asked) == 2


async def test_that_the_stock_ran_low_is_said_by_whoever_takes_it_there(
    store: HeldStore, handler: Handler, elsewhere: Handler
) -> None:
    await handler(SetThreshold(SMALL, 4))
    done: list[Done] = []
    for n in range(4):
        done += await asyncio.gather(handler(sale(f"here {n}", 1)), elsewhere(sale(f"there {n}", 1)))
    said = [fact for each in done for fact in each.events if isinstance(fact, StockRanLow)]
    assert said == [StockRanLow(SMALL, 4, 4)]
    facts = [recorded.event for recorded in await store.read([STOCK.stream])]
    assert isinstance(facts[facts.index(said[0]) - 1], StockReserved)
