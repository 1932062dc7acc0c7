"""What a shop is like at a position, learned from its facts the plainest way, without projections."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from events.cart import (
    CartCheckedOut,
    CartCleared,
    CartClosed,
    CartLineAdded,
    CartLineChanged,
    CartLineRemoved,
    CartMerged,
    CartOpened,
)
from events.category import CategoryCreated, CategoryMoved
from events.order import OrderPaid, OrderPlaced, OrderReturned, OrderShipped, Shipping
from events.payment import PaymentCaptured, PaymentRefunded
from events.product import PriceChanged, ProductCreated, ProductSlugChanged, VariantAdded
from events.stock import (
    StockAdjusted,
    StockArrived,
    StockCommitted,
    StockRanLow,
    StockReceived,
    StockRecovered,
    StockReturned,
    StockSent,
    StockWrittenOff,
)
from events.store import Recorded
from events.values import Line


@dataclass
class Order:
    placed: OrderPlaced
    placed_at: datetime
    payment: str | None = None
    paid_at: datetime | None = None
    shipped: bool = False
    refunds: list[tuple[str, int]] = field(default_factory=list)
    """Of the payment that paid it: for which return, if for any, and how much."""
    returns: list[tuple[str, list[tuple[str, int]]]] = field(default_factory=list)
    """What came back each time: SKUs, and what the units had been sold for."""


class Given(NamedTuple):
    """Of an order: what each line has given back for returns, and what went back for no goods in particular."""

    own: list[int]
    rest: int


@dataclass
class Cart:
    """One filling."""

    cart_id: str
    begun_at: datetime | None = None
    touched: list[datetime] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)
    end: object = None


@dataclass
class World:
    """Everything up to a position."""

    orders: dict[str, Order] = field(default_factory=dict)
    money: list[tuple[datetime, str, int, int]] = field(default_factory=list)
    """When, of which order, how much came and how much went."""
    shares: list[tuple[datetime, OrderPlaced, Given, Given]] = field(default_factory=list)
    """When, of which order, and what had gone back before and after."""
    carts: list[Cart] = field(default_factory=list)
    customers: dict[str, str | None] = field(default_factory=dict)
    stock: list[tuple[datetime, str, str, str, int]] = field(default_factory=list)
    low: dict[tuple[str, str], list[tuple[datetime, bool]]] = field(default_factory=lambda: defaultdict(list))
    prices: list[tuple[datetime, str, str, int]] = field(default_factory=list)
    slugs: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str | None] = field(default_factory=dict)

    def root(self, category: str) -> str:
        parent = self.parents[category]
        return self.root(parent) if parent else category


def world(facts: Iterable[Recorded], as_of: int) -> World:
    it = World()
    for fact in facts:
        if fact.position <= as_of:
            _learn(it, fact.event, fact.occurred_at)
    for fact in facts:  # once more, since an order may have been paid after money of it went back
        if fact.position <= as_of:
            _give_back(it, fact.event, fact.occurred_at)
    return it


def _give_back(it: World, event: object, at: datetime) -> None:
    if isinstance(event, OrderReturned):
        units = [(str(each.sku), each.worth.amount) for each in event.units]
        it.orders[event.order_id].returns.append((event.return_id, units))
    if isinstance(event, PaymentRefunded):
        order = it.orders[event.order_id]
        if order.payment == event.payment_id:
            before = given(order)
            order.refunds.append((event.refund_id.partition(".")[0], event.amount.amount))
            it.shares.append((at, order.placed, before, given(order)))


def given(order: Order) -> Given:
    """A return's refund counts for its goods, as far as they are worth it; lines of one SKU have their turn."""
    by_sku: dict[str, int] = defaultdict(int)
    for return_id, units in order.returns:
        worth = sum(each for _, each in units)
        money = min(worth, sum(amount for name, amount in order.refunds if name == return_id))
        start = 0
        for sku, part in units:
            by_sku[sku] += money * (start + part) // worth - money * start // worth
            start += part
    rest = sum(amount for _, amount in order.refunds) - sum(by_sku.values())
    own = []
    for line in order.placed.lines:
        own.append(min(by_sku[line.sku], sold_for(line, order.placed)))
        by_sku[line.sku] -= own[-1]
    return Given(own, rest)


def sold_for(part: Line | Shipping, order: OrderPlaced) -> int:
    return part.total.amount if order.prices_include_tax else part.total.amount + part.tax


def _learn(it: World, event: object, at: datetime) -> None:
    match event:
        case OrderPlaced(order_id):
            it.orders[order_id] = Order(event, at)
        case OrderPaid(order_id, payment):
            it.orders[order_id].payment, it.orders[order_id].paid_at = payment, at
        case OrderShipped(order_id):
            it.orders[order_id].shipped = True
        case PaymentCaptured(order_id, _, amount):
            it.money.append((at, order_id, amount.amount, 0))
        case PaymentRefunded(order_id, _, amount):
            it.money.append((at, order_id, 0, amount.amount))
        case StockReceived(sku, units) | StockAdjusted(sku, units):
            kind = "received" if isinstance(event, StockReceived) else "adjusted"
            it.stock.append((at, sku, event.location, kind, units))
        case StockCommitted(sku, _, units):
            it.stock.append((at, sku, event.location, "sold", -units))
        case StockReturned(sku, _, units):
            it.stock.append((at, sku, event.location, "returned", units))
        case StockWrittenOff(sku, _, units):
            it.stock.append((at, sku, event.location, "written_off", -units))
        case StockSent(sku, units):
            it.stock.append((at, sku, event.location, "moved", -units))
        case StockArrived(sku, units):
            it.stock.append((at, sku, event.location, "moved", units))
        case StockRanLow(sku) | StockRecovered(sku):
            it.stock.append((at, sku, event.location, "none", 0))
            it.low[sku, event.location].append((at, isinstance(event, StockRanLow)))
        case VariantAdded(_, sku, price) | PriceChanged(_, sku, price):
            it.prices.append((at, sku, price.currency, price.amount))
        case ProductCreated(name, slug) | ProductSlugChanged(name, slug):
            it.slugs[name] = slug
        case CategoryCreated(name, slug, _, parent):
            it.slugs[name], it.parents[name] = slug, parent
        case CategoryMoved(name, parent):
            it.parents[name] = parent
        case _:
            _fill(it, event, at)


def _fill(it: World, event: Any, at: datetime) -> None:
    if isinstance(event, CartOpened):
        it.customers[event.cart_id] = event.customer_id
        return
    if not hasattr(event, "cart_id"):
        return
    cart = next((cart for cart in it.carts if cart.cart_id == event.cart_id and cart.end is None), None)
    if cart is None:
        cart = Cart(event.cart_id)
        it.carts.append(cart)
    cart.touched.append(at)
    added = []
    match event:
        case CartLineAdded(_, sku, _, units):
            added = [(sku, units)]
        case CartMerged(lines=lines):
            added = [(line.sku, line.quantity) for line in lines]
        case CartLineChanged(_, sku, units):
            cart.held[sku] = units
        case CartLineRemoved(_, sku):
            cart.held[sku] = 0
        case CartCheckedOut() | CartCleared() | CartClosed():
            cart.end = event
    for sku, units in added:
        cart.held[sku] = cart.held.get(sku, 0) + units
        if units:
            cart.begun_at = min(cart.begun_at or at, at)
