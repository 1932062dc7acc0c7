"""Streams that a decision believes to be new are not looked for; where that was wrong, the book says so in time."""

import asyncio
from collections.abc import Collection, Sequence

import pytest

from commands.checkout import PlaceOrder, RecordSale
from commands.handler import Handler
from commands.order import orders
from commands.rejections import CartIsEmpty
from events.store import Recorded
from tests.unit.held_store import HeldStore
from tests.unit.pasts import ANN, CART, LINES, NOON, ORDER, TOTAL, filled_cart, stocked
from tests.unit.shop import refused

PLACE = PlaceOrder(ORDER, ANN, CART, "EUR", NOON)
SALE = RecordSale(ORDER, ANN, LINES)


class CountingStore(HeldStore):
    """Remembers the streams that were read."""

    def __init__(self) -> None:
        super().__init__()
        self.read_streams: list[str] = []

    async def read(self, streams: Collection[str]) -> Sequence[Recorded]:
        self.read_streams += streams
        return await super().read(streams)


@pytest.fixture
async def store() -> CountingStore:
    store = CountingStore()
    await store.happened_elsewhere(*stocked, *filled_cart)
    return store


async def test_a_new_order_is_not_looked_for(store: CountingStore) -> None:
    await Handler(store)(PLACE)
    assert f"order-{ORDER}" not in store.read_streams
    assert store.asked[0].expected[f"order-{ORDER}"] == 0


@pytest.mark.parametrize("again", [PLACE, SALE])
async def test_an_order_that_another_process_has_placed_is_not_placed_again(
    store: CountingStore, again: PlaceOrder | RecordSale
) -> None:
    await Handler(store)(SALE)
    head = await store.head()
    done = await Handler(store)(again)
    assert (done.events, done.position, await store.head()) == ((), head, head)
    assert f"order-{ORDER}" in store.read_streams


async def test_a_refusal_on_a_wrong_belief_is_not_final(store: CountingStore) -> None:
    """The cart is empty, since the order that was asked for has been placed."""
    await Handler(store)(PLACE)
    assert (await Handler(store)(PLACE)).events == ()
    with refused(CartIsEmpty):
        await Handler(store)(PlaceOrder(type(ORDER)(f"{ORDER}x"), ANN, CART, "EUR", NOON))


async def test_two_processes_that_believe_the_same_place_one_order(store: CountingStore) -> None:
    one, other = await asyncio.gather(Handler(store)(SALE), Handler(store)(SALE))
    assert sorted(map(len, (one.events, other.events))) == [0, len(store.asked[0].events)]
    assert (await Handler(store).read(orders(ORDER))).total == TOTAL
