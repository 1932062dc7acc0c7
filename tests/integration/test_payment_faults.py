"""The worker dies at any step of any payment, and the next one mends it: one charge, and nothing to reconcile."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from api.progress import caught_up
from api.reconciliation import findings
from api.wiring import Shop
from commands import Command
from commands.money import PaymentState
from commands.order import Status, orders
from commands.order_life import CancelOrder
from commands.payment import CapturePayment, PayOrder, RefundOrder
from events.values import CaptureId, Money, OrderId, PaymentId, RefundId
from infrastructure.ids import new_id
from tests.integration.test_reactor import OpenShop, opened, placed, settled
from tests.kinds import EMBEDDED_ALONE
from tests.till import EPOCH, Till

pytestmark = EMBEDDED_ALONE

__all__ = ["opened"]

NONE, AUTHORIZED, CAPTURED = PaymentState.NONE, PaymentState.AUTHORIZED, PaymentState.CAPTURED
PARTLY, BACK = PaymentState.PARTIALLY_CAPTURED, PaymentState.REFUNDED
Stage = tuple[PaymentState, Command]
Story = tuple[list[Stage], tuple[Status, PaymentState], list[tuple[str, int]], int]


def told(name: str, order: OrderId) -> Story:
    """When the payment is there, do this; how it ends, what moved, and how many steps there are to die at."""
    payment, part = PaymentId(new_id("pay")), Money(400, "EUR")
    pay, set_aside = PayOrder(order, payment, "tok_approve"), PayOrder(order, payment, "tok_approve", capture=False)
    cancel = CancelOrder(order, "changed my mind")
    taken, returned = ("capture", 1_000), ("refund", 1_000)
    match name:
        case "pay":
            return [(NONE, pay)], (Status.PAID, CAPTURED), [taken], 2
        case "capture":
            captures: list[Command] = [
                CapturePayment(order, CaptureId(new_id("cap")), part),
                CapturePayment(order, CaptureId(new_id("cap"))),
            ]
            stages = [(NONE, set_aside), *zip((AUTHORIZED, PARTLY), captures, strict=True)]
            return stages, (Status.PAID, CAPTURED), [("capture", 400), ("capture", 600)], 6
        case "refund":
            refund = RefundOrder(order, RefundId(new_id("ref")), "a scratch", part)
            end = (Status.PAID, PaymentState.PARTIALLY_REFUNDED)
            return [(NONE, pay), (CAPTURED, refund)], end, [taken, ("refund", 400)], 4
        case "cancel":
            return [(NONE, pay), (CAPTURED, cancel)], (Status.CANCELLED, BACK), [taken, returned], 4
        case "void":
            return [(NONE, set_aside), (AUTHORIZED, cancel)], (Status.CANCELLED, PaymentState.VOIDED), [], 4
    raise AssertionError(name)


CASES = [
    (name, at) for name in ("pay", "capture", "refund", "cancel", "void") for at in range(told(name, OrderId(""))[3])
]


@pytest.mark.parametrize(("name", "at"), CASES)
async def test_a_worker_that_dies_at_any_step_is_mended_by_the_next(
    opened: OpenShop, tmp_path: Path, name: str, at: int
) -> None:
    file = tmp_path / "sandbox.sqlite3"
    died, steps = asyncio.Event(), 0

    async def die_here() -> None:
        nonlocal steps
        steps += 1
        if steps > at:
            died.set()
            await asyncio.get_running_loop().create_future()

    mortal = Till(file)
    mortal.step = die_here
    async with opened(mortal) as shop:
        order, _ = await placed(shop)
        stages, end, moved, _ = told(name, order)
        done = await _go_on(shop, order, stages, died)
        assert died.is_set()
        # All reactions come once more, as if none had been ticked off before the end.
        rewound = await shop.pool.fetchval(f"SELECT position FROM facts WHERE stream = 'order-{order}' AND version = 1")
    heir = Till(file)
    async with opened(heir) as shop:
        await shop.pool.execute("UPDATE projections SET position = $1 WHERE name = 'fulfilment'", rewound)
        await _go_on(shop, order, stages[done:], asyncio.Event())
        await settled(shop, order, *end)
        assert await heir.moved(order) == moved
        facts = [type(fact.event).__name__ for fact in await shop.store.read([orders(order).stream])]
        assert facts.count("PaymentCaptured") == sum(kind == "capture" for kind, _ in moved)

        assert await caught_up(shop, 5)
        assert [each for each in await findings(shop, EPOCH, timedelta()) if each.order_id in (order, None)] == []


async def _go_on(shop: Shop, order: OrderId, stages: list[Stage], died: asyncio.Event) -> int:
    """Until the story is told, or the worker is dead; how many stages were begun."""
    for number, (before, command) in enumerate(stages):
        while (await shop.handler.read(orders(order))).payment is not before:
            if died.is_set():
                return number
            await asyncio.sleep(0.02)
        await shop.handler(command)
    while not died.is_set() and stages and await _unsettled(shop, order):
        await asyncio.sleep(0.02)
    return len(stages)


async def _unsettled(shop: Shop, order: OrderId) -> bool:
    state = await shop.handler.read(orders(order))
    under_way = any(each.refunding or each.capturing or each.voiding for each in state.payments.values())
    let_go = state.status is not Status.CANCELLED or state.payment in (BACK, PaymentState.VOIDED)
    return under_way or state.payment is PaymentState.REQUESTED or not let_go
