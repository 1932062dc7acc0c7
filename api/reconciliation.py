"""Whether money, orders and goods agree: the book with itself, and the book with what the gateway says."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from api.wiring import Shop
from commands.gateway import Movement
from queries.reconciliation import Account, accounts_of, accounts_since, unkept

Kind = Literal[
    "charged_without_order",
    "ordered_without_stock",
    "captured_unequal_to_total",
    "refund_missing",
    "refund_not_arrived",
    "payment_not_let_go",
    "gateway_differs",
]
_PAID = ("PAID", "SHIPPED", "COMPLETED")
_UNDER_WAY = ("REQUESTED", "ACTION_REQUIRED", "AUTHORIZED")


@dataclass(frozen=True, slots=True)
class Finding:
    """What does not add up: `expected` and `found` are minor units of `currency`, or units of `sku`."""

    kind: Kind
    expected: int
    found: int
    currency: str | None = None
    order_id: str | None = None
    payment_id: str | None = None
    sku: str | None = None


async def findings(shop: Shop, since: datetime, grace: timedelta) -> list[Finding]:
    """About orders placed and money moved since then. What moved within `grace` may still be under way.

    Raises commands.gateway.GatewayUnavailable. Without a gateway the book is compared with itself only."""
    settled_at = datetime.now(UTC) - grace
    found = [Finding("ordered_without_stock", units, kept, sku=sku) for sku, units, kept in await unkept(shop.pool)]
    accounts = {each.order_id: each for each in await accounts_since(shop.pool, since)}
    for account in accounts.values():
        if account.updated_at <= settled_at:
            found += judged(account)
    if shop.gateway is None:
        return found
    movements = await shop.gateway.movements(since)
    named = {each.order_id for each in movements} - accounts.keys()
    accounts |= {each.order_id: each for each in await accounts_of(shop.pool, named)}
    return [*found, *compared(accounts, movements, settled_at)]


def judged(account: Account) -> Iterator[Finding]:
    """What does not add up in the book alone."""
    order_id, currency, total = account.order_id, account.currency, account.total
    captured = sum(each["captured_minor"] for each in account.payments)
    held = captured - sum(each["refunded_minor"] for each in account.payments)
    going_back = sum(each["refunding_minor"] for each in account.payments)
    if account.status in _PAID and (captured < total or held - going_back > total):
        yield Finding("captured_unequal_to_total", total, captured, currency, order_id)
    if account.status == "CANCELLED" and held > going_back:
        yield Finding("refund_missing", 0, held - going_back, currency, order_id)
    for payment in account.payments:
        payment_id = payment["payment_id"]
        if payment["refunding_minor"]:
            yield Finding("refund_not_arrived", 0, payment["refunding_minor"], currency, order_id, payment_id)
        if account.status == "CANCELLED" and payment["step"] in _UNDER_WAY:
            yield Finding("payment_not_let_go", 0, payment["amount_minor"], currency, order_id, payment_id)


def compared(accounts: dict[str, Account], movements: Sequence[Movement], settled_at: datetime) -> Iterator[Finding]:
    """What the gateway has and the book has not, and the other way round. Money taken elsewhere (history brought in)
    has no method, and no gateway knows of it."""
    sums: Counter[tuple[str, str, str]] = Counter()
    currencies: dict[tuple[str, str], str] = {}
    unsettled = {each.payment_id for each in movements if each.moved_at > settled_at}
    for each in movements:
        sums[each.order_id, each.payment_id, each.kind] += each.amount.amount
        currencies[each.order_id, each.payment_id] = each.amount.currency
    booked: dict[tuple[str, str], tuple[int, int]] = {}
    for account in accounts.values():
        for payment in account.payments:
            key = account.order_id, payment["payment_id"]
            if payment["method"] and account.updated_at <= settled_at:
                booked[key] = payment["captured_minor"], payment["refunded_minor"]
                currencies.setdefault(key, account.currency)
            else:
                unsettled.add(payment["payment_id"])
    for (order_id, payment_id), currency in currencies.items():
        captured, refunded = (sums[order_id, payment_id, kind] for kind in ("capture", "refund"))
        if payment_id in unsettled:
            continue
        if order_id not in accounts and captured > refunded:
            yield Finding("charged_without_order", 0, captured - refunded, currency, order_id, payment_id)
        elif order_id in accounts and booked.get((order_id, payment_id), (0, 0)) != (captured, refunded):
            ours = booked.get((order_id, payment_id), (0, 0))
            yield Finding("gateway_differs", captured - refunded, ours[0] - ours[1], currency, order_id, payment_id)
