"""What the handler tells of where it has led streams: all that is committed, and nothing that is not."""

import asyncio
from typing import Any

import pytest

from commands.decider import Ref
from commands.handler import Handler, Once
from commands.states import Known, Replayed
from commands.stock import ReceiveStock, Stock
from events.stock import StockReceived
from events.store import AppendRefused, Conflict, StoreBusy, Unacknowledged
from tests.unit.held_store import HeldStore, settled
from tests.unit.hot_stock import STOCK, start, store, take
from tests.unit.pasts import SMALL

__all__ = ["store"]

Move = tuple[str, int, int, Any]


class Moves(Replayed):
    def __init__(self, store: HeldStore) -> None:
        super().__init__(store)
        self.told: list[Move] = []

    def moved(self, ref: Ref[Any], before: int, now: Known) -> None:
        self.told.append((ref.stream, before, *now))


@pytest.fixture
def moves(store: HeldStore) -> Moves:
    return Moves(store)


@pytest.fixture
def handler(store: HeldStore, moves: Moves) -> Handler:
    return Handler(store, moves)


async def test_it_tells_each_state_when_its_facts_are_committed(
    store: HeldStore, handler: Handler, moves: Moves
) -> None:
    store.hold = True
    tasks = [await start(handler, take(units)) for units in (1, 2)]
    assert moves.told == []
    await store.let_go()
    assert moves.told == [(STOCK.stream, 1, 2, Stock(9))]
    await store.let_go()
    assert moves.told[1:] == [(STOCK.stream, 2, 3, Stock(7))]
    await asyncio.gather(*tasks)


async def test_several_facts_of_one_append_are_one_move(handler: Handler, moves: Moves) -> None:
    await handler(take(1), take(2), ReceiveStock(SMALL, 5))
    assert moves.told == [(STOCK.stream, 1, 4, Stock(12))]


@pytest.mark.parametrize("error", [StoreBusy(), Unacknowledged(), AppendRefused(), Conflict(STOCK.stream, 1, 2)])
async def test_it_tells_nothing_of_what_was_not_stored(
    store: HeldStore, handler: Handler, moves: Moves, error: Exception
) -> None:
    store.hold = True
    tasks = [await start(handler, take(units)) for units in (1, 2)]
    store.hold = False
    await store.let_go(error)
    await store.let_go()
    await asyncio.gather(*tasks, return_exceptions=True)
    facts = await store.read([STOCK.stream])
    assert [now for _, _, now, _ in moves.told] == list(range(2, len(facts) + 1))
    assert moves.told[-1][-1] == await handler.read(STOCK)


async def test_a_conflict_tells_of_the_decision_that_held(store: HeldStore, handler: Handler, moves: Moves) -> None:
    await handler(take(1))
    await store.happened_elsewhere(StockReceived(SMALL, 5))
    await handler(take(1))
    assert moves.told == [(STOCK.stream, 1, 2, Stock(9)), (STOCK.stream, 3, 4, Stock(13))]


async def test_a_repetition_has_moved_nothing(store: HeldStore, moves: Moves) -> None:
    once = Once("key", b"request")
    await Handler(store)(ReceiveStock(SMALL, 1), once=once)
    await Handler(store, moves)(ReceiveStock(SMALL, 1), once=once)
    await settled()
    assert moves.told == []
