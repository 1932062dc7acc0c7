"""Asking what a decision would come to: over what is stored and present, and nothing is written."""

import asyncio
from collections.abc import Collection, Mapping
from itertools import islice

from commands.decider import Read
from commands.handler import TOGETHER_ATTEMPTS, Handler
from commands.rejections import NotFound
from events.stock import StockReceived
from tests.unit.held_store import HeldStore, settled
from tests.unit.hot_stock import STOCK, handler, start, store, take
from tests.unit.pasts import SMALL
from tests.unit.shop import refused

__all__ = ["handler", "store"]


def available(read: Read) -> int:
    return read(STOCK).available


def nothing_there(read: Read) -> int:
    raise NotFound("units", str(read(STOCK).available))


async def test_an_answer_is_of_the_present_also_where_others_have_been(store: HeldStore, handler: Handler) -> None:
    assert await handler.ask(available) == 10
    await store.happened_elsewhere(StockReceived(SMALL, 5))
    assert await handler.ask(available) == 15
    assert store.asked == []


async def test_an_answer_waits_for_what_it_rests_on_to_be_stored(store: HeldStore, handler: Handler) -> None:
    store.hold = True
    buyer = await start(handler, take(4))
    asked = asyncio.create_task(handler.ask(available))
    await settled()
    assert not asked.done()
    await store.let_go()
    assert await asked == 6
    await buyer


async def test_a_refusal_is_of_the_present_too(store: HeldStore, handler: Handler) -> None:
    await store.happened_elsewhere(StockReceived(SMALL, 5))
    with refused(NotFound, kind="units", id="15"):
        await handler.ask(nothing_there)


async def test_an_answer_comes_at_last_however_often_others_are_first(store: HeldStore, handler: Handler) -> None:
    versions, moves = store.versions, iter(range(TOGETHER_ATTEMPTS + 2))

    async def moved_before(streams: Collection[str]) -> Mapping[str, int]:
        for _ in islice(moves, 1):
            await store.happened_elsewhere(StockReceived(SMALL, 1))
        return await versions(streams)

    store.versions = moved_before  # type: ignore[method-assign]
    assert await handler.ask(available) == 10 + TOGETHER_ATTEMPTS + 2
