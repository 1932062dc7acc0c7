"""Every report computed the plainest way from what is known of a shop, sharing no code with projections and queries."""

from collections import Counter, defaultdict
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from events.cart import CartCheckedOut, CartClosed
from events.order import OrderPlaced
from queries.reports.question import Question
from tests.integration.naive_world import Given, Order, World, sold_for

Row = tuple[Any, ...]
_EVER = datetime(9999, 12, 31, tzinfo=UTC)
_KINDS = ("received", "sold", "returned", "written_off", "adjusted", "moved")
_OUT = ("sold", "written_off")


def named(at: datetime, period: str | None) -> str | None:
    return {None: None, "day": f"{at:%Y-%m-%d}", "week": f"{at:%G-W%V}", "month": f"{at:%Y-%m}"}[period]


def average(total: int, number: int) -> int:
    return int((Decimal(total) / number).quantize(Decimal(1), ROUND_HALF_EVEN)) if number else 0


def rate(part: int, whole: int) -> float | None:
    return float((Decimal(part) / whole).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)) if whole else None


def sales(it: World, q: Question, period: str | None, by: str | None) -> set[Row]:
    """Period, group, its slug, orders, units, revenue, refunded."""

    def group(line: Any) -> str | None:
        ids = {"product": line.product_id, "category": line.category_id, "department": it.root(line.category_id)}
        return ids[by] if by else None

    orders: dict[Row, set[str]] = defaultdict(set)
    sums: dict[Row, list[int]] = defaultdict(lambda: [0, 0, 0])
    for order_id, order in it.orders.items():
        if order.placed.total.currency == q.currency and order.paid_at and q.since <= order.paid_at < q.until:
            for line in order.placed.lines:
                key = named(order.paid_at, period), group(line)
                orders[key].add(order_id)
                sums[key][0] += line.quantity
                sums[key][1] += sold_for(line, order.placed) if by else 0
    if by is None:
        for at, order_id, came, went in it.money:
            if it.orders[order_id].placed.total.currency == q.currency and q.since <= at < q.until:
                sums[named(at, period), None][1] += came
                sums[named(at, period), None][2] += went
    else:
        for at, placed, before, after in it.shares:
            if placed.total.currency == q.currency and q.since <= at < q.until:
                for line, had, has in zip(placed.lines, spread(placed, before), spread(placed, after), strict=True):
                    sums[named(at, period), group(line)][2] += has - had
    return {(*key, it.slugs.get(str(key[1])), len(orders[key]), *told) for key, told in sums.items()}


def spread(placed: OrderPlaced, given: Given) -> list[int]:
    """What each line has given back: its own, and its part of the rest by what is left of it."""
    whole, start, found = placed.total.amount - sum(given.own), 0, []
    for line, own in zip(placed.lines, given.own, strict=True):
        end = start + sold_for(line, placed) - own
        found.append(own + (given.rest * end // whole - given.rest * start // whole if whole else 0))
        start = end
    return found


def customers(it: World, q: Question, period: str | None) -> set[Row]:
    """Period, customers, new, orders, lifetime value."""
    bought: dict[str, list[datetime]] = defaultdict(list)
    for order in it.orders.values():
        if order.paid_at and order.placed.total.currency == q.currency:
            bought[order.placed.customer_id].append(order.paid_at)
    worth = worths(it, q)
    found: dict[Any, list[Any]] = defaultdict(lambda: [set(), set(), 0])
    for customer, times in bought.items():
        for at in times:
            if q.since <= at < q.until:
                row = found[named(at, period)]
                row[0].add(customer)
                row[2] += 1
                if min(times) >= q.since and named(min(times), period) == named(at, period):
                    row[1].add(customer)
    return {
        (name, len(all_), len(new), orders, average(sum(worth[each][2] for each in new), len(new)))
        for name, (all_, new, orders) in found.items()
    }


def worths(it: World, q: Question) -> dict[str, tuple[int, int, int]]:
    """By customer: what came, what went, and what is left."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for _, order_id, came, went in it.money:
        placed = it.orders[order_id].placed
        if placed.total.currency == q.currency:
            sums[placed.customer_id][0] += came
            sums[placed.customer_id][1] += went
    return {customer: (came, went, came - went) for customer, (came, went) in sums.items()}


def funnel(it: World, q: Question, period: str | None) -> set[Row]:
    """Period, carts, checkouts, paid, shipped, without cart."""
    ways: list[tuple[datetime, Order | None, bool]] = []
    for cart in it.carts:
        if cart.begun_at and not isinstance(cart.end, CartClosed):
            order = it.orders[cart.end.order_id] if isinstance(cart.end, CartCheckedOut) else None
            ways.append((cart.begun_at, order, False))
    ways += [(order.placed_at, order, True) for order in it.orders.values() if order.placed.cart_id is None]
    found: dict[Any, list[int]] = defaultdict(lambda: [0] * 5)
    for begun_at, order, alone in ways:
        if q.since <= begun_at < q.until and (order is None or order.placed.total.currency == q.currency):
            steps = [True, order is not None, bool(order and order.paid_at), bool(order and order.shipped), alone]
            row = found[named(begun_at, period)]
            row[:] = [number + step for number, step in zip(row, steps, strict=True)]
    return {(name, *row) for name, row in found.items()}


def abandoned(it: World, q: Question) -> list[Row]:
    """Cart, customer, begun, last touched, lines, units, value."""
    rows = []
    for cart in it.carts:
        held = {sku: units for sku, units in cart.held.items() if units}
        if cart.end is None and held and q.since <= max(cart.touched) < q.until:
            value = sum(
                units * (price(it, sku, q, q.until.max.replace(tzinfo=q.until.tzinfo)) or 0)
                for sku, units in held.items()
            )
            told = it.customers.get(cart.cart_id), min(cart.touched), max(cart.touched), len(held), sum(held.values())
            rows.append((cart.cart_id, *told, value))
    return sorted(rows, key=lambda row: (row[3], row[0]), reverse=True)


def price(it: World, sku: str, q: Question, before: datetime) -> int | None:
    """The one that begins last counts; of those that begin together, the one that was told last."""
    found = [(at, n, amount) for n, (at, s, c, amount) in enumerate(it.prices) if (s, c) == (sku, q.currency)]
    return max((each for each in found if each[0] < before), default=(None, None, None))[2]


def inventory(it: World, q: Question) -> list[Row]:
    """SKU, location, opening, what moved, on hand, low, price, value."""
    rows = []
    for sku, location in sorted({(sku, location) for at, sku, location, _, _ in it.stock if at < q.until}):
        there = [move for move in it.stock if move[1:3] == (sku, location) and move[0] < q.until]
        opening, on_hand = sum(move[4] for move in there if move[0] < q.since), sum(move[4] for move in there)
        kinds = _by_kind([move for move in there if move[0] >= q.since])
        lows = [low for at, low in it.low[sku, location] if at < q.until]
        cost = price(it, sku, q, q.until)
        value = None if cost is None else cost * on_hand
        rows.append((sku, location, opening, *kinds, on_hand, bool(lows and lows[-1]), cost, value))
    return rows


def movements(it: World, q: Question, period: str) -> list[Row]:
    """Period, opening, what moved, on hand at the end."""
    names = sorted({str(named(at, period)) for at, *_ in it.stock if q.since <= at < q.until})
    on_hand = sum(units for at, _, _, _, units in it.stock if at < q.since)
    rows: list[Row] = []
    for name in names:
        there = [move for move in it.stock if q.since <= move[0] < q.until and named(move[0], period) == name]
        rows.append((name, on_hand, *_by_kind(there), on_hand := on_hand + sum(move[4] for move in there)))
    return rows


def _by_kind(moves: list[tuple[datetime, str, str, str, int]]) -> list[int]:
    sums = Counter[str]()
    for _, _, _, kind, units in moves:
        sums[kind] += -units if kind in _OUT else units
    return [sums[kind] for kind in _KINDS]
