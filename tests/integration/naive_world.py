"""What a shop is like at a position, learned from its facts the plainest way, without projections."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

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
from events.order import OrderPaid, OrderPlaced, OrderShipped
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


@dataclass
class Order:
    placed: OrderPlaced
    placed_at: datetime
    payment: str | None = None
    paid_at: datetime | None = None
    shipped: bool = False
    given_back: int = 0
    """Of the payment that paid it."""


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
    shares: list[tuple[datetime, OrderPlaced, int, int]] = field(default_factory=list)
    """When, of which order, and how much had gone back before and after."""
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
    for at, order_id, payment, amount in _refunds(facts, as_of):
        order = it.orders[order_id]
        if order.payment == payment:
            it.shares.append((at, order.placed, order.given_back, order.given_back + amount))
            order.given_back += amount
    return it


def _refunds(facts: Iterable[Recorded], as_of: int) -> Iterable[tuple[datetime, str, str, int]]:
    for fact in facts:
        if isinstance(fact.event, PaymentRefunded) and fact.position <= as_of:
            yield fact.occurred_at, fact.event.order_id, fact.event.payment_id, fact.event.amount.amount


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
