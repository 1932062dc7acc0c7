"""The handler on units of work and idempotency keys: all or nothing, and what happens once happens once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from commands.cart import AddToCart
from commands.checkout import PlaceOrder
from commands.handler import Done, Handler, KeyInFlight, KeyReused, Once
from commands.order import orders
from commands.payment import PayOrder
from commands.product import PublishProduct
from commands.rejections import CartIsEmpty, InvalidTransition, OutOfStock, VersionMismatch
from commands.stock import AdjustStock, ReceiveStock, stocks
from events import stream_of
from events.stock import StockReceived
from events.store import Metadata, StoreBusy
from events.values import DEFAULT_LOCATION, OrderId
from tests.unit.held_store import HeldStore, settled
from tests.unit.pasts import ANN, CART, LARGE, MUG, NOON, ORDER, PAYMENT, SMALL, TOTAL, draft, eur, filled_cart, stocked
from tests.unit.shop import refused

PLACE = PlaceOrder(ORDER, ANN, CART, "EUR", NOON)


def once(request: bytes = b"request", key: str = "key") -> Once:
    return Once(key, request, lambda done: b"%d facts" % len(done.events))


@pytest.fixture
async def store() -> HeldStore:
    store = HeldStore()
    await store.happened_elsewhere(*stocked, *filled_cart)
    return store


async def test_several_commands_are_one_append_each_building_on_the_one_before(store: HeldStore) -> None:
    pay = PayOrder(ORDER, PAYMENT, "tok")
    done = await Handler(store)(AddToCart(CART, SMALL, 1), PLACE, pay)
    assert len(store.asked) == 1
    assert done.versions[f"order-{ORDER}"] == 2
    assert done.position == await store.head() == len(stocked) + len(filled_cart) + len(done.events)
    assert (await Handler(store).read(orders(ORDER))).total == TOTAL + eur(700)


async def test_a_unit_with_a_refusal_stores_nothing(store: HeldStore) -> None:
    handler = Handler(store)
    with refused(OutOfStock):
        await handler(AddToCart(CART, LARGE, 50), PLACE)
    assert store.asked == []
    done = await handler(PLACE)
    assert done.versions[f"cart-{CART}"] == len(filled_cart) + 1


async def test_everything_that_was_read_is_guarded(store: HeldStore) -> None:
    await Handler(store)(PLACE)
    written = {stream_of(event) for event in store.asked[0].events}
    assert f"product-{MUG}" in store.asked[0].expected.keys() - written
    assert written <= store.asked[0].expected.keys()


@pytest.mark.parametrize("key", ["", "key"])
async def test_who_asked_and_when_it_happened_is_recorded(store: HeldStore, key: str) -> None:
    before = await store.head()
    then, ann = datetime(2017, 1, 1, tzinfo=UTC), Metadata(actor="ann", command="PlaceOrder", request_id="req_1")
    await Handler(store)(PLACE, metadata=ann, occurred_at=then, once=once(key=key) if key else None)
    recorded = await store.read_all(before, limit=100)
    assert {(fact.metadata, fact.occurred_at) for fact in recorded} == {(ann, then)}


async def test_a_command_without_metadata_is_named_at_least(store: HeldStore) -> None:
    await Handler(store)(PLACE)
    assert store.asked[0].metadata.command == "PlaceOrder"


async def test_nothing_done_stands_at_the_head(store: HeldStore) -> None:
    done = await Handler(store)(PublishProduct(MUG))
    assert done == Done((), {f"product-{MUG}": 4}, await store.head())
    assert store.asked == []


async def test_a_repetition_gets_the_first_answer(store: HeldStore) -> None:
    first = await Handler(store)(PLACE, once=once())
    handler = Handler(store)
    assert await handler(PLACE, once=once()) == Done((), {}, first.position, b"4 facts")
    assert await handler(PLACE, once=once()) == Done((), {}, first.position, b"4 facts")


async def test_a_request_that_changes_nothing_is_remembered_too(store: HeldStore) -> None:
    await Handler(store)(PublishProduct(MUG), once=once())
    assert (await Handler(store)(PublishProduct(MUG), once=once())).replayed == b"0 facts"


async def test_a_repetition_that_would_be_refused_gets_the_first_answer(store: HeldStore) -> None:
    handler = Handler(store)
    first = await handler(PLACE, once=once())
    again = replace(PLACE, order_id=OrderId("ord_2"))
    with refused(CartIsEmpty):
        await handler(again)
    assert await handler(again, once=once()) == Done((), {}, first.position, b"4 facts")


async def test_a_repetition_that_insists_on_the_version_it_saw_gets_the_first_answer(store: HeldStore) -> None:
    handler, stock = Handler(store), stocks(SMALL, DEFAULT_LOCATION)
    await handler(ReceiveStock(SMALL, 1), expected={stock: 1}, once=once())
    assert (await handler(ReceiveStock(SMALL, 1), expected={stock: 1}, once=once())).replayed == b"1 facts"
    with refused(VersionMismatch):
        await handler(ReceiveStock(SMALL, 1), expected={stock: 1}, once=once(key="other"))


@pytest.mark.parametrize("command", [ReceiveStock(SMALL, 1), AdjustStock(SMALL, -100, "lost")])
async def test_a_key_belongs_to_one_request(store: HeldStore, command: ReceiveStock | AdjustStock) -> None:
    handler = Handler(store)
    await handler(PLACE, once=once())
    head = await store.head()
    with refused(KeyReused):
        await handler(command, once=once(b"another request"))
    assert await store.head() == head


async def test_a_refused_request_leaves_its_key_free(store: HeldStore) -> None:
    handler = Handler(store)
    with refused(OutOfStock):
        await handler(AddToCart(CART, LARGE, 50), PLACE, once=once())
    await handler(ReceiveStock(LARGE, 50))
    assert (await handler(AddToCart(CART, LARGE, 50), PLACE, once=once())).replayed is None


async def test_a_request_under_way_is_not_started_again(store: HeldStore) -> None:
    handler = Handler(store)
    store.hold = True
    first = asyncio.create_task(handler(PLACE, once=once()))
    await settled()
    with refused(KeyInFlight):
        await asyncio.wait_for(handler(PLACE, once=once()), 5)
    other = asyncio.create_task(handler(ReceiveStock(SMALL, 1), once=once(key="other")))
    await settled()
    await store.let_go()
    await store.let_go()
    assert (await first).events
    assert (await other).events


async def test_a_key_is_free_again_when_its_request_failed(store: HeldStore) -> None:
    handler = Handler(store)
    store.hold = True
    first = asyncio.create_task(handler(PLACE, once=once()))
    await settled()
    await store.let_go(StoreBusy())
    with pytest.raises(StoreBusy):
        await first
    store.hold = False
    assert (await handler(PLACE, once=once())).replayed is None


async def test_a_cancelled_request_repeated_while_it_is_under_way_happens_once(store: HeldStore) -> None:
    handler = Handler(store)
    store.hold = True
    first = asyncio.create_task(handler(ReceiveStock(SMALL, 7), once=once()))
    await settled()
    first.cancel()
    await settled()
    second = asyncio.create_task(handler(ReceiveStock(SMALL, 7), once=once()))
    await settled()
    await store.let_go()
    await store.let_go()
    assert (await second).replayed == b"1 facts"
    assert (await handler.read(stocks(SMALL, DEFAULT_LOCATION))).on_hand == 17


async def test_facts_of_a_repetition_are_not_built_upon(store: HeldStore) -> None:
    """The repetition is decided anew in memory, but nothing of it is stored: a refusal may not rest on it."""
    await Handler(store)(AdjustStock(SMALL, -10, "moved"), once=once())
    await store.happened_elsewhere(StockReceived(SMALL, 10))
    handler = Handler(store)
    store.hold = True
    repetition = asyncio.create_task(handler(AdjustStock(SMALL, -10, "moved"), once=once()))
    await settled()
    buyer = asyncio.create_task(handler(AdjustStock(SMALL, -1, "taken")))
    await settled()
    store.hold = False
    await store.let_go()
    assert (await repetition).replayed == b"1 facts"
    assert (await buyer).events
    assert (await handler.read(stocks(SMALL, DEFAULT_LOCATION))).available == 9


async def test_a_refusal_of_the_shop_is_no_answer_to_keep(store: HeldStore) -> None:
    draft_store = HeldStore()
    await draft_store.happened_elsewhere(*draft)
    with refused(InvalidTransition):
        await Handler(draft_store)(PublishProduct(MUG), once=once())
    assert await draft_store.recall("key") is None
