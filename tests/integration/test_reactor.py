"""Paying, refunding and lapsing as policies: what happened leads to what must follow, whatever fails in between."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from api.wiring import Shop, open_shop
from commands.cart import AddToCart
from commands.category import CreateCategory
from commands.checkout import PlaceOrder
from commands.gateway import Gateway
from commands.money import PaymentState
from commands.order import Order, Status, orders
from commands.order_life import CancelOrder
from commands.payment import PayOrder
from commands.product import CreateProduct, PublishProduct
from commands.stock import ReceiveStock, stocks
from commands.variant import AddVariant
from events.values import CartId, CategoryId, Money, OrderId, PaymentId, ProductId, Sku, UserId
from infrastructure.ids import new_id
from infrastructure.settings import Mode, Settings
from tests.keys import MASTER_KEY
from tests.till import Till
from tests.waiting import eventually

ANN = UserId("usr_1")
OpenShop = Callable[[Gateway], AbstractAsyncContextManager[Shop]]


@pytest.fixture
def opened(database_url: str, redis_url: str, key_prefix: str) -> OpenShop:
    @asynccontextmanager
    async def opened(gateway: Gateway) -> AsyncIterator[Shop]:
        settings = Settings(
            mode=Mode.PRODUCTION,
            database_url=database_url,
            redis_url=redis_url,
            secret_key="k" * 32,
            master_key=MASTER_KEY,
            key_prefix=key_prefix,
        )
        async with open_shop(settings, workers=True, gateway=gateway) as shop:
            yield shop

    return opened


async def placed(shop: Shop, *, lapses_in_s: float = 900, customer: UserId = ANN) -> tuple[OrderId, Sku]:
    """An order of two units out of five."""
    tag = new_id("t")[2:]
    category, product, sku = CategoryId(f"cat_{tag}"), ProductId(f"prd_{tag}"), Sku(tag)
    cart, order = CartId(f"cart_{tag}"), OrderId(f"ord_{tag}")
    await shop.handler(
        CreateCategory(category, tag, "Tea"),
        CreateProduct(product, tag, "Green tea", category),
        AddVariant(product, sku, Money(500, "EUR")),
        PublishProduct(product),
        ReceiveStock(sku, 5),
        AddToCart(cart, sku, 2),
        PlaceOrder(order, customer, cart, "EUR", datetime.now(UTC) + timedelta(seconds=lapses_in_s)),
    )
    return order, sku


async def settled(shop: Shop, order_id: OrderId, status: Status, payment: PaymentState) -> Order:
    async def look() -> bool:
        order = await shop.handler.read(orders(order_id))
        return (order.status, order.payment) == (status, payment)

    await eventually(look)
    return await shop.handler.read(orders(order_id))


async def test_a_requested_payment_is_captured_and_the_order_paid(opened: OpenShop) -> None:
    till = Till()
    async with opened(till) as shop:
        order, _ = await placed(shop)
        await shop.handler(PayOrder(order, PaymentId("pay_1"), "tok_approve"))
        await settled(shop, order, Status.PAID, PaymentState.CAPTURED)
        assert await till.moved(order) == [("capture", 1_000)]


async def test_a_refused_card_leaves_the_order_open_for_another_try(opened: OpenShop) -> None:
    till = Till()
    async with opened(till) as shop:
        order, _ = await placed(shop)
        await shop.handler(PayOrder(order, PaymentId("pay_2"), "tok_decline"))
        await settled(shop, order, Status.PENDING, PaymentState.DECLINED)
        await shop.handler(PayOrder(order, PaymentId("pay_3"), "tok_approve"))
        await settled(shop, order, Status.PAID, PaymentState.CAPTURED)


async def test_a_gateway_that_is_away_is_asked_again_and_does_not_hold_up_other_orders(opened: OpenShop) -> None:
    till = Till()
    till.open.clear()
    async with opened(till) as shop:
        stuck, _ = await placed(shop)
        await shop.handler(PayOrder(stuck, PaymentId("pay_4"), "tok_approve"))
        till.open.set()
        till.failures = 2
        other, _ = await placed(shop)
        await shop.handler(PayOrder(other, PaymentId("pay_5"), "tok_approve"))
        await settled(shop, other, Status.PAID, PaymentState.CAPTURED)
        await settled(shop, stuck, Status.PAID, PaymentState.CAPTURED)


async def test_money_for_an_order_that_was_cancelled_meanwhile_goes_back(opened: OpenShop) -> None:
    till = Till()
    till.open.clear()
    async with opened(till) as shop:
        order, sku = await placed(shop)
        await shop.handler(PayOrder(order, PaymentId("pay_6"), "tok_approve"))

        async def asked() -> bool:
            return bool(till.asked)

        await eventually(asked)
        await shop.handler(CancelOrder(order, "changed my mind"))
        till.open.set()
        await settled(shop, order, Status.CANCELLED, PaymentState.REFUNDED)
        assert await till.moved(order) == [("capture", 1_000), ("refund", 1_000)]
        assert (await shop.handler.read(stocks(sku, "main"))).available == 5


async def test_cancelling_a_paid_order_refunds_it_and_frees_its_stock(opened: OpenShop) -> None:
    till = Till()
    async with opened(till) as shop:
        order, sku = await placed(shop)
        await shop.handler(PayOrder(order, PaymentId("pay_7"), "tok_approve"))
        await settled(shop, order, Status.PAID, PaymentState.CAPTURED)
        await shop.handler(CancelOrder(order, "found it cheaper"))
        await settled(shop, order, Status.CANCELLED, PaymentState.REFUNDED)
        assert await till.moved(order) == [("capture", 1_000), ("refund", 1_000)]
        facts = [type(fact.event).__name__ for fact in await shop.store.read([f"order-{order}"])]
        assert facts.count("PaymentRefunded") == 1
        assert (await shop.handler.read(stocks(sku, "main"))).available == 5


async def test_an_order_that_nobody_pays_lapses_and_gives_its_stock_back(opened: OpenShop) -> None:
    async with opened(Till()) as shop:
        order, sku = await placed(shop, lapses_in_s=0.2)
        await settled(shop, order, Status.CANCELLED, PaymentState.NONE)
        assert (await shop.handler.read(stocks(sku, "main"))).available == 5


async def test_a_worker_that_died_in_the_middle_is_replaced_and_the_payment_is_recorded_once(opened: OpenShop) -> None:
    till = Till()
    till.open.clear()
    async with opened(till) as shop:
        order, _ = await placed(shop)
        await shop.handler(PayOrder(order, PaymentId("pay_8"), "tok_approve"))

        async def asked() -> bool:
            return bool(till.asked)

        await eventually(asked)
    till.open.set()
    async with opened(till) as shop:
        await settled(shop, order, Status.PAID, PaymentState.CAPTURED)
        facts = [fact.event for fact in await shop.store.read([f"order-{order}"])]
        assert [type(fact).__name__ for fact in facts].count("PaymentCaptured") == 1
        assert await till.moved(order) == [("capture", 1_000)]
