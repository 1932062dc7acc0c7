"""Turning a cart into an order: one decision over the order, the cart, the products and the stock of every line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from commands.cart import carts, on_sale
from commands.decider import Read
from commands.order import Status, orders
from commands.product import products
from commands.rejections import CartIsEmpty, LimitExceeded, NotForSale, PriceMoved
from commands.reserving import reservations
from commands.stock import noticed
from events import Event
from events.cart import CartCheckedOut
from events.order import OrderPlaced, Reservation
from events.stock import StockEvent, StockReserved
from events.values import DEFAULT_LOCATION, Address, CartId, Line, Money, OrderId, Sku, UserId


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """Order what the cart holds at today's prices. `expected_total` is what the shopper was shown, if given."""

    order_id: OrderId
    customer_id: UserId
    cart_id: CartId
    currency: str
    lapses_at: datetime
    expected_total: Money | None = None
    ship_to: Address | None = None


@dataclass(frozen=True, slots=True)
class RecordSale:
    """An order that was placed elsewhere, at another time, for the totals its lines say: history brought in."""

    order_id: OrderId
    customer_id: UserId
    lines: tuple[Line, ...]


CheckoutCommand = PlaceOrder | RecordSale


def decide(command: CheckoutCommand, read: Read) -> Sequence[Event]:
    if read(orders.new(command.order_id)).status is not Status.NEW:
        return []
    match command:
        case PlaceOrder(order_id, customer_id, cart_id, currency, lapses_at, expected_total, ship_to):
            lines = _priced(cart_id, currency, read)
            total = _total(lines)
            if expected_total is not None and expected_total != total:
                raise PriceMoved(expected_total, total)
            taken = reservations(_units(lines), read)
            return [
                OrderPlaced(order_id, customer_id, lines, total, cart_id, lapses_at, ship_to, _elsewhere(taken)),
                *_reserved(order_id, taken, lapses_at, read),
                CartCheckedOut(cart_id, order_id),
            ]
        case RecordSale(order_id, customer_id, lines):
            if not lines or any(line.quantity < 1 for line in lines):
                raise LimitExceeded("A sale has at least one line, and each at least one unit.", limit=1)
            taken = reservations(_units(lines), read)
            placed = OrderPlaced(order_id, customer_id, lines, _total(lines), reservations=_elsewhere(taken))
            return [placed, *_reserved(order_id, taken, None, read)]
        case _:
            assert_never(command)


def _priced(cart_id: CartId, currency: str, read: Read) -> tuple[Line, ...]:
    cart = read(carts(cart_id))
    if not cart.lines:
        raise CartIsEmpty
    lines = []
    catalog = read.all([products(line.product_id) for line in cart.lines.values()])
    for (sku, cart_line), product in zip(cart.lines.items(), catalog, strict=True):
        on_sale(sku, product)
        price = product.variants[sku].prices.get(currency)
        if price is None:
            raise NotForSale(sku, f"it has no price in {currency}")
        quantity = cart_line.quantity
        total = price * quantity
        lines.append(Line(sku, cart_line.product_id, product.name, product.category_id, quantity, price, total))
    return tuple(lines)


def _total(lines: Sequence[Line]) -> Money:
    total = lines[0].total
    for line in lines[1:]:
        total += line.total
    return total


def _units(lines: Sequence[Line]) -> dict[Sku, int]:
    """Of each SKU, however many lines name it."""
    units: dict[Sku, int] = {}
    for line in lines:
        units[line.sku] = units.get(line.sku, 0) + line.quantity
    return units


def _elsewhere(taken: Sequence[Reservation]) -> tuple[Reservation, ...]:
    """Written down only where it does not go without saying."""
    return () if all(each.location == DEFAULT_LOCATION for each in taken) else tuple(taken)


def _reserved(
    order_id: OrderId, taken: Sequence[Reservation], lapses_at: datetime | None, read: Read
) -> Sequence[StockEvent]:
    reserved = [StockReserved(each.sku, order_id, each.quantity, lapses_at, each.location) for each in taken]
    return [fact for each in reserved for fact in noticed(each, read)]
