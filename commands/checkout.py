"""Turning a cart into an order: one decision over the order, the cart, its offer, and the stock of every line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from commands.decider import Read
from commands.offer import Wanted, offer
from commands.order import Status, orders
from commands.redeeming import redeemed
from commands.rejections import LimitExceeded, PriceMoved
from commands.reserving import reservations
from commands.stock import noticed
from events import Event
from events.cart import CartCheckedOut
from events.order import OrderPlaced, Reservation
from events.quick import quick
from events.stock import StockEvent, StockReserved
from events.values import DEFAULT_LOCATION, Address, CartId, Line, Money, OrderId, Sku, UserId


@quick
@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """Order what the cart holds at today's prices. `expected_total` is what the shopper was shown, if given.

    The parcel goes to `ship_to`; a `coupon` counts instead of the cart's, if it does `now`. Who it is for is told by
    `email`, where there is no account to know it."""

    order_id: OrderId
    customer_id: UserId
    cart_id: CartId
    currency: str
    lapses_at: datetime
    expected_total: Money | None = None
    ship_to: Address | None = None
    shipping_method: str | None = None
    coupon: str | None = None
    now: datetime | None = None
    bill_to: Address | None = None
    email: str | None = None


@quick
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
        case PlaceOrder():
            return _placed(command, read)
        case RecordSale(order_id, customer_id, lines):
            if not lines or any(line.quantity < 1 for line in lines):
                raise LimitExceeded("A sale has at least one line, and each at least one unit.", limit=1)
            taken = reservations(_units(lines), read)
            placed = OrderPlaced(order_id, customer_id, lines, _total(lines), reservations=_elsewhere(taken))
            return [placed, *_reserved(order_id, taken, None, read)]
        case _:
            assert_never(command)


def wanted(command: PlaceOrder) -> Wanted:
    """What is to be priced for it."""
    return Wanted(
        command.cart_id,
        command.currency,
        command.customer_id,
        command.ship_to.country if command.ship_to else None,
        command.shipping_method,
        command.coupon,
        command.now,
    )


def _placed(command: PlaceOrder, read: Read) -> Sequence[Event]:
    found = offer(wanted(command), read)
    costs, order_id, total = found.totals, command.order_id, found.totals.total
    if command.expected_total is not None and command.expected_total != total:
        raise PriceMoved(command.expected_total, total)
    taken = reservations(_units(costs.lines), read)
    coupon = (
        redeemed(found.coupon, found.terms, order_id, command.customer_id, costs.discount)
        if found.coupon and found.terms
        else ()
    )
    placed = OrderPlaced(
        order_id,
        command.customer_id,
        costs.lines,
        total,
        command.cart_id,
        command.lapses_at,
        command.ship_to,
        _elsewhere(taken),
        costs.shipping,
        found.coupon,
        costs.discount.amount,
        costs.tax.amount,
        costs.prices_include_tax,
        command.bill_to,
        command.email,
    )
    reserved = _reserved(order_id, taken, command.lapses_at, read)
    return [placed, *reserved, *coupon, CartCheckedOut(command.cart_id, order_id)]


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
