"""The handler when other processes were first: what it remembers is a baseline, and bounded."""

import asyncio

import pytest

from commands import handler as handling
from commands.checkout import PlaceOrder
from commands.handler import Done, Handler, Once
from commands.location import OpenLocation
from commands.order import orders
from commands.product import products
from commands.rejections import NotFound, PriceMoved, StockWouldGoNegative, VersionMismatch
from commands.stock import ReceiveStock
from commands.variant import ChangePrice
from events.product import PriceChanged
from events.stock import StockAdjusted, StockReceived
from events.store import Conflict, StoreBusy
from events.values import Sku
from tests.unit.held_store import HeldStore, settled
from tests.unit.hot_stock import STOCK, available, handler, start, store, take
from tests.unit.pasts import ANN, CART, MUG, NOON, ORDER, SMALL, TOTAL, eur, filled_cart
from tests.unit.shop import refused

__all__ = ["handler", "store"]


async def test_a_command_decided_on_an_old_version_is_decided_again(store: HeldStore, handler: Handler) -> None:
    await store.happened_elsewhere(StockReceived(SMALL, 5))
    done = await handler(take(1))
    assert done.versions[STOCK.stream] == 3
    assert len(store.asked) == 2
    assert await available(store) == 14


async def test_a_chain_on_an_old_version_falls_though_others_have_led_to_its_versions(
    store: HeldStore, handler: Handler
) -> None:
    """The second one expects version 2, which is there by now: but it is not the version 2 that it was decided on."""
    await store.happened_elsewhere(StockAdjusted(SMALL, -10, "taken"))
    outcomes = await asyncio.gather(handler(take(6)), handler(take(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StockWouldGoNegative] * 2
    assert await available(store) == 0


async def test_a_refusal_on_an_old_version_is_decided_again(store: HeldStore, handler: Handler) -> None:
    await store.happened_elsewhere(StockReceived(SMALL, 5))
    assert (await handler(take(15))).versions[STOCK.stream] == 3


async def test_a_refusal_on_an_old_version_is_decided_again_while_others_decide(
    store: HeldStore, handler: Handler
) -> None:
    """Another command of this process that goes on from the old version does not make it the present."""
    await store.happened_elsewhere(StockReceived(SMALL, 5))
    outcomes = await asyncio.gather(handler(take(14)), handler(take(1)))
    assert [outcome.events for outcome in outcomes] == [
        [StockAdjusted(SMALL, -14, "taken")],
        [StockAdjusted(SMALL, -1, "taken")],
    ]
    assert await available(store) == 0


async def test_a_refusal_stands_though_this_process_moves_the_stream_on(store: HeldStore, handler: Handler) -> None:
    more: list[asyncio.Task[Done]] = []

    async def meanwhile() -> None:
        more.append(await start(handler, ReceiveStock(SMALL, 5)))

    store.meanwhile, asked = meanwhile, store.versions_asked
    with refused(StockWouldGoNegative, sku=SMALL, delta=-11, available=10):
        await handler(take(11))
    assert store.versions_asked == asked + 1
    assert (await more[0]).versions[STOCK.stream] == 2


async def test_a_refusal_falls_if_what_moves_the_stream_on_finds_it_moved(store: HeldStore, handler: Handler) -> None:
    more: list[asyncio.Task[Done]] = []

    async def meanwhile() -> None:
        store.hold = True
        more.append(await start(handler, take(1)))
        await store.happened_elsewhere(StockReceived(SMALL, 5))

    store.meanwhile = meanwhile
    refusal = await start(handler, take(12))
    while not more:
        await settled()
    assert not refusal.done()
    store.hold = False
    await store.let_go()
    assert {(await task).versions[STOCK.stream] for task in (refusal, *more)} == {3, 4}
    assert await available(store) == 2


async def test_a_refusal_falls_if_what_moves_the_stream_on_was_a_repetition(store: HeldStore) -> None:
    once = Once("key", b"request")
    await Handler(store)(ReceiveStock(SMALL, 1), once=once)
    handler = Handler(store)
    await handler(take(1))
    await store.happened_elsewhere(StockReceived(SMALL, 5))
    buyer, repetition = await asyncio.gather(handler(take(15)), handler(ReceiveStock(SMALL, 1), once=once))
    assert repetition.replayed is not None
    assert buyer.events == [StockAdjusted(SMALL, -15, "taken")]


async def test_a_stream_that_was_only_read_and_has_moved_is_read_again(store: HeldStore) -> None:
    await store.happened_elsewhere(*filled_cart)
    handler = Handler(store)
    with refused(PriceMoved):
        await handler(PlaceOrder(ORDER, ANN, CART, "EUR", NOON, eur(1)))
    await store.happened_elsewhere(PriceChanged(MUG, SMALL, eur(800), eur(700)))
    await handler(PlaceOrder(ORDER, ANN, CART, "EUR", NOON))
    assert (await handler.read(orders(ORDER))).total == TOTAL + eur(200)
    assert len(store.asked) == 2


async def test_the_caller_may_insist_on_a_version(store: HeldStore, handler: Handler) -> None:
    mug = products(MUG)
    done = await handler(ChangePrice(SMALL, eur(800)), expected={mug: 4})
    assert done.versions[mug.stream] == 5
    with refused(VersionMismatch, expected_version=4, current_version=5):
        await handler(ChangePrice(SMALL, eur(900)), expected={mug: 4})


async def test_where_a_version_is_insisted_on_nothing_may_pass(store: HeldStore, handler: Handler) -> None:
    for command in (ChangePrice(SMALL, eur(800)), take(1)):  # be it written to or not
        await handler(command, expected={STOCK: 1})
        assert store.asked[-1].escrows[STOCK.stream].bounds is None


async def test_a_version_that_the_cache_is_behind_of_is_no_mismatch(store: HeldStore, handler: Handler) -> None:
    mug = products(MUG)
    await handler(ChangePrice(SMALL, eur(800)))
    await store.happened_elsewhere(PriceChanged(MUG, SMALL, eur(900), eur(800)))
    assert (await handler(ChangePrice(SMALL, eur(950)), expected={mug: 6})).versions[mug.stream] == 7


async def test_a_command_that_loses_every_time_gives_up(
    store: HeldStore, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handling, "LONGEST_PAUSE_S", 0)
    store.hold = True
    task = await start(handler, take(1))
    for _ in range(handling.MAX_ATTEMPTS):
        await store.let_go(Conflict(STOCK.stream, 1, 2))
    with pytest.raises(StoreBusy, match=r"^others were first every time$"):
        await task
    assert len(store.asked) == handling.MAX_ATTEMPTS


async def test_the_cache_is_bounded(store: HeldStore) -> None:
    handler = Handler(store, cached_streams=10)
    for n in range(30):
        await handler(OpenLocation(f"shelf {n}"), ReceiveStock(SMALL, 1, location=f"shelf {n}"))
        assert len(handler._streams) <= 10


async def test_the_cache_is_bounded_by_what_is_asked_in_vain_too(store: HeldStore) -> None:
    handler = Handler(store, cached_streams=10)
    for n in range(30):
        with refused(NotFound):
            await handler(ReceiveStock(Sku(f"NONE-{n}"), 1))
        assert len(handler._streams) <= 10


async def test_a_decision_over_more_streams_than_the_cache_holds_is_taken(store: HeldStore) -> None:
    handler = Handler(store, cached_streams=1)
    await handler(*(OpenLocation(f"shelf {n}") for n in range(5)))
    commands = [ReceiveStock(SMALL, 1, location=f"shelf {n}") for n in range(5)]
    assert len((await handler(*commands)).events) == 5
    assert len(handler._streams) == 1
