"""Two things happen to an order's money at the same moment: one wins, and what the other led to is mended."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from api.progress import caught_up
from api.reconciliation import findings
from api.wiring import Shop
from commands import Command
from commands.money import PaymentState
from commands.order import Status, orders
from commands.order_life import CancelOrder, LapseOrder
from commands.payment import CapturePayment, PayOrder
from commands.rejections import Rejected
from commands.settlement import RecordCapture
from commands.stock import stocks
from events.values import CaptureId, Money, OrderId, PaymentId, Sku
from infrastructure.ids import new_id
from tests.integration.test_reactor import OpenShop, opened, placed, settled
from tests.kinds import EMBEDDED_ALONE
from tests.till import EPOCH, Till
from tests.waiting import eventually

pytestmark = EMBEDDED_ALONE

__all__ = ["opened"]

ROUNDS = 12
MUCH_LATER = datetime.now(UTC) + timedelta(days=30)
KEPT = (Status.PAID, PaymentState.CAPTURED)
GONE = {(Status.CANCELLED, state) for state in (PaymentState.REFUNDED, PaymentState.VOIDED, PaymentState.DECLINED)}


async def at_once(shop: Shop, *commands: Command) -> None:
    for outcome in await asyncio.gather(*map(shop.handler, commands), return_exceptions=True):
        assert not isinstance(outcome, BaseException) or isinstance(outcome, Rejected), outcome


async def comes_to_an_end(shop: Shop, till: Till, order: OrderId, sku: Sku) -> tuple[Status, PaymentState]:
    """The money is here and the goods are kept, or the money is back and the goods are free."""

    async def state() -> tuple[Status, PaymentState]:
        now = await shop.handler.read(orders(order))
        return now.status, now.payment

    async def over() -> bool:
        assert await caught_up(shop, 5)
        agreed = [each for each in await findings(shop, EPOCH, timedelta()) if each.order_id in (order, None)]
        return await state() in {KEPT, *GONE} and agreed == []

    await eventually(over)
    sums: Counter[str] = Counter()
    for kind, amount in await till.moved(order):
        sums[kind] += amount
    kept = await state() == KEPT
    assert sums["capture"] - sums["refund"] == (1_000 if kept else 0)
    assert (await shop.handler.read(stocks(sku, "main"))).reserved == (2 if kept else 0)
    return await state()


async def test_an_order_lapses_while_its_money_comes(opened: OpenShop) -> None:
    till, ends = Till(), set()
    async with opened(till) as shop:
        for round_ in range(ROUNDS):
            order, sku = await placed(shop)
            till.open.clear()
            await shop.handler(PayOrder(order, PaymentId(new_id("pay")), "tok_approve"))
            lapse = LapseOrder(order, MUCH_LATER)
            if round_ % 3 == 0:
                await shop.handler(lapse)
            till.open.set()
            await asyncio.sleep(0.004 * (round_ % 3))
            await at_once(shop, lapse)
            ends.add(await comes_to_an_end(shop, till, order, sku))
    assert ends & GONE


async def test_an_order_is_cancelled_while_its_money_is_taken(opened: OpenShop) -> None:
    till = Till()
    async with opened(till) as shop:
        for _ in range(ROUNDS):
            order, sku = await placed(shop)
            await shop.handler(PayOrder(order, PaymentId(new_id("pay")), "tok_approve", capture=False))
            await settled(shop, order, Status.PENDING, PaymentState.AUTHORIZED)
            await at_once(shop, CapturePayment(order, CaptureId(new_id("cap"))), CancelOrder(order, "no"))
            assert await comes_to_an_end(shop, till, order, sku) in GONE


@pytest.mark.parametrize("tabs", [6])
async def test_many_tabs_pay_at_once(opened: OpenShop, tabs: int) -> None:
    till = Till()
    async with opened(till) as shop:
        order, sku = await placed(shop)
        await at_once(shop, *(PayOrder(order, PaymentId(new_id("pay")), "tok_approve") for _ in range(tabs)))
        assert await comes_to_an_end(shop, till, order, sku) == KEPT
        assert await till.moved(order) == [("capture", 1_000)]


async def test_the_answer_and_the_webhook_come_at_once(opened: OpenShop) -> None:
    till = Till()
    async with opened(till) as shop:
        order, sku = await placed(shop)
        payment = PaymentId(new_id("pay"))
        said = RecordCapture(order, payment, Money(1_000, "EUR"), "r")
        await shop.handler(PayOrder(order, payment, "tok_approve"))
        while not await till.moved(order):
            await asyncio.sleep(0)
        await at_once(shop, *[said] * 5)
        assert await comes_to_an_end(shop, till, order, sku) == KEPT
        facts = [type(fact.event).__name__ for fact in await shop.store.read([orders(order).stream])]
        assert facts.count("PaymentCaptured") == facts.count("OrderPaid") == 1
