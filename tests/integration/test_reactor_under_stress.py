"""Policies and projections go on whatever is done to their connections, and no shopper can stop them for others."""

import asyncio

from commands.money import PaymentState
from commands.order import Status
from commands.payment import PayOrder
from events.values import PaymentId
from tests.integration.test_reactor import OpenShop, opened, placed, settled
from tests.kinds import EMBEDDED_ALONE
from tests.till import Till
from tests.waiting import eventually

pytestmark = EMBEDDED_ALONE

__all__ = ["opened"]

_OTHERS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""


async def test_many_payments_that_never_end_hold_up_no_other(opened: OpenShop) -> None:
    async with opened(Till()) as shop:
        for number in range(80):
            order, _ = await placed(shop)
            await shop.handler(PayOrder(order, PaymentId(f"pay_stuck_{number}"), "tok_unavailable"))
        order, _ = await placed(shop)
        await shop.handler(PayOrder(order, PaymentId("pay_good"), "tok_approve"))
        await settled(shop, order, Status.PAID, PaymentState.CAPTURED)


async def test_workers_outlive_their_connections(opened: OpenShop) -> None:
    async with opened(Till()) as shop:
        for number in range(6):
            order, _ = await placed(shop)
            await shop.handler(PayOrder(order, PaymentId(f"pay_cut_{number}"), "tok_approve"))
            async with asyncio.timeout(60):
                cut = False
                while not cut:
                    try:
                        await shop.pool.execute(_OTHERS)
                        cut = True
                    except Exception:
                        await asyncio.sleep(0.1)

            async def shown_paid(order: str = order) -> bool:
                try:
                    status = await shop.pool.fetchval("SELECT status FROM order_summary WHERE order_id = $1", order)
                except Exception:
                    return False
                return bool(status == "PAID")

            await eventually(shown_paid)
