"""A till in a process of its own: sells, is refused, refunds, and issues the papers, many at a time.

Run as `python -m tests.integration.papers_till URL SALES`.
"""

import asyncio
import contextlib
import sys
from datetime import UTC, datetime

from commands.checkout import RecordSale
from commands.handler import Handler
from commands.order_life import CancelOrder, ShipOrder, Units
from commands.paper import IssuePapers
from commands.rejections import Rejected
from commands.settlement import RecordCapture, RecordRefund
from events.paper import Seller
from events.values import CategoryId, Line, Money, OrderId, PaymentId, ProductId, Sku, UserId
from tests.integration.book import open_handler

SKU, PRICE = Sku("MUG"), Money(700, "EUR")
LINE = Line(SKU, ProductId("prd_mug"), "Mug", CategoryId("cat_all"), 1, PRICE, PRICE)
AT_ONCE = 8


async def sell(handler: Handler, n: int) -> None:
    """A third of all sales stays, a third is given back, and a third comes to nothing after its papers were decided."""
    order_id, payment_id = OrderId(f"ord_{n:04}"), PaymentId(f"pay_{n:04}")
    papers = IssuePapers(order_id, datetime.now(UTC), Seller("A shop"))
    paid = RecordCapture(order_id, payment_id, PRICE, "ref"), papers
    await handler(RecordSale(order_id, UserId("usr_ann"), (LINE,)))
    if n % 3 == 2:
        with contextlib.suppress(Rejected):
            await handler(*paid, ShipOrder(order_id, units=(Units(SKU, 2),)))
        return
    await handler(*paid)
    if n % 3 == 1:
        await handler(CancelOrder(order_id, "no"))
        await handler(RecordRefund(order_id, payment_id, "ref", "no"), papers)


async def run(url: str, sales: int) -> None:
    async with open_handler(url) as handler:
        free = asyncio.Semaphore(AT_ONCE)

        async def one(n: int) -> None:
            async with free:
                await sell(handler, n)

        await asyncio.gather(*[one(n) for n in range(sales)])


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], int(sys.argv[2])))
