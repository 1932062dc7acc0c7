"""Sales as a test knows them, and what a report about them must say: summed up here, without the shop."""

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from commands.checkout import RecordSale
from commands.order_life import CancelOrder
from commands.settlement import RecordCapture, RecordRefund
from events.values import CategoryId, Line, Money, OrderId, PaymentId, ProductId, Sku, UserId
from infrastructure.ids import new_id
from tests.e2e.shop_client import Product, ShopClient

FIRST = datetime(2024, 12, 20, tzinfo=UTC)  # 2024-12-30 begins ISO week 2025-W01
DAYS = 80


@dataclass(frozen=True)
class Sold:
    """A sale as the test knows it: when it was paid and given back in the world, and when the shop learned of that."""

    lines: tuple[Line, ...]
    paid_at: datetime
    paid_position: int
    refunded_at: datetime | None
    refunded_position: int

    @property
    def currency(self) -> str:
        return self.lines[0].total.currency

    @property
    def total(self) -> int:
        return sum(line.total.amount for line in self.lines)


@dataclass
class Past:
    sales: list[Sold]
    departments: dict[str, str]
    """The root of each category."""
    slugs: dict[str, str]


async def make_past(client: ShopClient) -> Past:
    """Sixty sales in two currencies, some of them given back, and an order that nobody paid."""
    chance = random.Random(7)
    departments, slugs, products = await _catalog(client)
    sales = [await _sold(client, chance, products) for _ in range(60)]
    unpaid = RecordSale(OrderId(new_id("ord")), UserId("usr_x"), _lines(chance, products, "USD"))
    client.position = (await client.shop.handler(unpaid, occurred_at=FIRST)).position
    return Past(sales, departments, slugs)


async def _catalog(client: ShopClient) -> tuple[dict[str, str], dict[str, str], list[Product]]:
    departments: dict[str, str] = {}
    slugs: dict[str, str] = {}
    products: list[Product] = []
    for name in ("food", "drinks"):
        root = await client.category(name)
        leaf = await client.category(f"{name}-fresh", root)
        twig = await client.category(f"{name}-fresh-local", leaf)
        for category_id, slug in ((root, name), (leaf, f"{name}-fresh"), (twig, f"{name}-fresh-local")):
            departments[category_id], slugs[category_id] = root, slug
            products.append(await client.product(category_id=category_id, stock=100_000))
    slugs |= {product.product_id: product.slug for product in products}
    return departments, slugs, products


def _lines(chance: random.Random, products: list[Product], currency: str) -> tuple[Line, ...]:
    lines = []
    for product in chance.choices(products, k=chance.randint(1, 4)):  # one product may come in two lines
        quantity, price = chance.randint(1, 5), chance.randint(1, 5_000)
        total = Money(price * quantity - chance.randint(0, 1), currency)
        lines.append(
            Line(
                Sku(product.sku),
                ProductId(product.product_id),
                "x",
                CategoryId(product.category_id),
                quantity,
                Money(price, currency),
                total,
            )
        )
    return tuple(lines)


async def _sold(client: ShopClient, chance: random.Random, products: list[Product]) -> Sold:
    order_id, payment_id = OrderId(new_id("ord")), PaymentId(new_id("pay"))
    lines = _lines(chance, products, chance.choice(["USD", "USD", "EUR"]))
    total = Money(sum(line.total.amount for line in lines), lines[0].total.currency)
    placed_at = FIRST + timedelta(seconds=chance.randrange(DAYS * 86_400))
    paid_at = placed_at + timedelta(hours=chance.randrange(60))
    handler = client.shop.handler
    await handler(RecordSale(order_id, UserId("usr_x"), lines), occurred_at=placed_at)
    paid = await handler(RecordCapture(order_id, payment_id, total, "ref"), occurred_at=paid_at)
    if chance.random() < 0.7:
        return Sold(lines, paid_at, paid.position, None, 0)
    refunded_at = paid_at + timedelta(days=chance.randrange(20))
    cancelled = await handler(
        CancelOrder(order_id, "no"), RecordRefund(order_id, payment_id, "ref", "no"), occurred_at=refunded_at
    )
    refund = next(
        fact for fact in await client.shop.store.read([f"order-{order_id}"]) if fact.position > paid.position + 1
    )
    assert refund.occurred_at == refunded_at
    return Sold(lines, paid_at, paid.position, refunded_at, cancelled.position)


def _period(at: datetime, group_by: str) -> str:
    if group_by == "week":
        return f"{at:%G-W%V}"
    return f"{at:%Y-%m}" if group_by == "month" else f"{at:%Y-%m-%d}"


def average_of(revenue: int, orders: int) -> int:
    return int((Decimal(revenue) / orders).quantize(Decimal(1), ROUND_HALF_EVEN)) if orders else 0


Rows = list[tuple[str, str | None, int, int, int, int, int]]


def expected(
    past: Past,
    group_by: str,
    by: str | None,
    *,
    as_of: int = 2**62,
    currency: str = "USD",
    within: Callable[[datetime], bool] = lambda at: True,
) -> Rows:
    def key(line: Line) -> str | None:
        return {
            None: None,
            "product": line.product_id,
            "category": line.category_id,
            "department": past.departments[line.category_id],
        }[by]

    orders: dict[Any, set[int]] = defaultdict(set)
    sums: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
    for number, sale in enumerate(past.sales):
        if sale.currency != currency or sale.paid_position > as_of:
            continue
        for line in sale.lines:
            if within(sale.paid_at):
                group = _period(sale.paid_at, group_by), key(line)
                orders[group].add(number)
                sums[group][0] += line.quantity
                sums[group][1] += line.total.amount
            if sale.refunded_at and sale.refunded_position <= as_of and within(sale.refunded_at):
                sums[_period(sale.refunded_at, group_by), key(line)][2] += line.total.amount
    return sorted(
        (
            period,
            group,
            len(orders[period, group]),
            units,
            revenue,
            refunded,
            average_of(revenue, len(orders[period, group])),
        )
        for (period, group), (units, revenue, refunded) in sums.items()
    )


def rows_of(report: dict[str, Any], by: str | None) -> Rows:
    return [
        (
            row["period"],
            row[f"{by}_id"] if by else None,
            row["orders"],
            row["units"],
            row["revenue"]["amount"],
            row["refunded"]["amount"],
            row["average_order"]["amount"],
        )
        for row in report["data"]
    ]
