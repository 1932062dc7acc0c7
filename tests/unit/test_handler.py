"""The handler on a stream that many want at once: chained decisions, refusals that hold, callers that go away."""

import asyncio
import gc
from collections.abc import Callable

import pytest

from commands.handler import Done, Handler
from commands.rejections import StockWouldGoNegative
from commands.stock import ReceiveStock
from commands.streams import Sent
from commands.variant import ChangePrice
from events.product import PriceChanged
from events.stock import StockAdjusted
from events.store import Append, AppendRefused, Conflict, Outcome, StoreBusy, Unacknowledged
from tests.unit.held_store import HeldStore, settled
from tests.unit.hot_stock import STOCK, available, handler, start, store, take
from tests.unit.pasts import MUG, SMALL, eur, stocked
from tests.unit.shop import refused

__all__ = ["handler", "store"]


async def test_decisions_build_on_facts_that_are_still_on_their_way(store: HeldStore, handler: Handler) -> None:
    store.hold = True
    tasks = [await start(handler, take(units)) for units in (1, 2, 3)]
    assert [append.expected[STOCK.stream] for append in store.asked] == [1, 2, 3]
    for _ in tasks:
        await store.let_go()
    done = [await task for task in tasks]
    assert [each.versions[STOCK.stream] for each in done] == [2, 3, 4]
    assert [each.position for each in done] == [len(stocked) + n for n in (1, 2, 3)]
    assert await available(store) == 4


async def test_an_answer_goes_out_only_after_the_commit(store: HeldStore, handler: Handler) -> None:
    store.hold = True
    task = await start(handler, take(1))
    assert not task.done()
    await store.let_go()
    assert task.done()


async def test_a_chain_whose_first_append_fails_is_decided_again(store: HeldStore, handler: Handler) -> None:
    store.hold = True
    first, second = await start(handler, take(10)), await start(handler, ReceiveStock(SMALL, 1))
    await store.let_go(StoreBusy())
    store.hold = False
    await store.let_go()
    with pytest.raises(StoreBusy):
        await first
    assert (await second).versions[STOCK.stream] == 2
    assert await available(store) == 11


async def test_a_refusal_waits_for_the_facts_it_rests_on(store: HeldStore, handler: Handler) -> None:
    store.hold = True
    first, asked = await start(handler, take(10)), store.versions_asked
    second = await start(handler, take(1))
    await asyncio.sleep(0.01)
    assert (second.done(), store.versions_asked) == (False, asked)
    await store.let_go()
    await first
    with refused(StockWouldGoNegative, sku=SMALL, delta=-1, available=0):
        await second


@pytest.mark.parametrize("error", [StoreBusy(), Unacknowledged(), AppendRefused()])
async def test_a_refusal_that_rests_on_facts_that_failed_is_decided_again(
    store: HeldStore, handler: Handler, error: Exception
) -> None:
    store.hold = True
    first, second = await start(handler, take(10)), await start(handler, take(1))
    store.hold = False
    await store.let_go(error)
    assert (await second).events == [StockAdjusted(SMALL, -1, "taken")]
    with pytest.raises(type(error)):
        await first


async def test_that_nothing_is_to_be_done_waits_for_the_newest_facts_when_older_ones_are_stored(
    store: HeldStore, handler: Handler
) -> None:
    store.hold = True
    first, second = [await start(handler, ChangePrice(SMALL, eur(price))) for price in (800, 900)]
    await store.let_go()
    third = await start(handler, ChangePrice(SMALL, eur(900)))
    await asyncio.sleep(0.01)
    assert (first.done(), third.done(), len(store.asked)) == (True, False, 2)
    store.hold = False
    await store.let_go(StoreBusy())
    with pytest.raises(StoreBusy):
        await second
    assert (await third).events == [PriceChanged(MUG, SMALL, eur(900), eur(800))]


def appends() -> set[Sent]:
    gc.collect()
    return {each for each in gc.get_objects() if isinstance(each, Sent)}


async def test_nothing_is_kept_of_what_was_forgotten(store: HeldStore, handler: Handler) -> None:
    before = appends()
    await handler(ReceiveStock(SMALL, 1))
    store.asked.clear()
    handler.forget([STOCK])
    assert appends() <= before


async def test_what_the_store_could_not_even_take_keeps_nobody_waiting(
    store: HeldStore, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(append: Append, tell: Callable[[Outcome], None]) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as broken, pytest.raises(RuntimeError, match="a bug"):
        broken.setattr(store, "send", fail)
        await handler(ReceiveStock(SMALL, 1))
    async with asyncio.timeout(60):
        assert (await handler.ask(lambda read: read(STOCK))).available == 10


async def test_of_two_who_cannot_both_be_served_one_is_though_the_first_lost_a_race(
    store: HeldStore, handler: Handler
) -> None:
    store.hold = True
    first, second = await start(handler, take(10)), await start(handler, take(1))
    store.hold = False
    await store.let_go(Conflict(STOCK.stream, 1, 2))
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Done, StockWouldGoNegative}


async def test_a_finding_that_nothing_is_to_be_done_waits_and_is_decided_again_too(
    store: HeldStore, handler: Handler
) -> None:
    store.hold = True
    first, second = (
        await start(handler, ChangePrice(SMALL, eur(800))),
        await start(handler, ChangePrice(SMALL, eur(800))),
    )
    assert not second.done()
    store.hold = False
    await store.let_go(StoreBusy())
    assert (await second).events == [PriceChanged(MUG, SMALL, eur(800), eur(700))]
    with pytest.raises(StoreBusy):
        await first


async def test_a_cancelled_callers_append_still_happens_once(store: HeldStore, handler: Handler) -> None:
    store.hold = True
    task = await start(handler, take(4))
    task.cancel()
    await settled()
    await store.let_go()
    assert task.cancelled()
    assert await available(store) == 6
    store.hold = False
    assert (await handler(take(1))).versions[STOCK.stream] == 3


async def test_a_cancelled_callers_append_that_fails_leaves_nothing_behind(store: HeldStore, handler: Handler) -> None:
    store.hold = True
    task = await start(handler, take(10))
    task.cancel()
    await settled()
    store.hold = False
    await store.let_go(StoreBusy())
    with refused(StockWouldGoNegative, sku=SMALL, delta=-11, available=10):
        await handler(take(11))


async def test_read_gives_what_is_committed_only(store: HeldStore, handler: Handler) -> None:
    store.hold = True
    task = await start(handler, take(4))
    assert (await handler.read(STOCK)).available == 10
    chained = await start(handler, take(4))
    assert store.asked[-1].expected[STOCK.stream] == 2
    await store.let_go()
    assert (await handler.read(STOCK)).available == 6
    await store.let_go()
    await asyncio.gather(task, chained)
