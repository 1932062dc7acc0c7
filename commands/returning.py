"""Taking goods back: what comes back to which shelf, what is written off, and what it was worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from commands.decider import Read
from commands.location import existing_location
from commands.order import Order, cannot, placed
from commands.order_life import summed
from commands.payment import amount_of, taken_back
from commands.rejections import LimitExceeded, TooManyUnits
from commands.stock import check_room, noticed, stocks
from events import Event
from events.order import OrderReturned, Returned
from events.stock import StockReturned, StockWrittenOff
from events.values import DEFAULT_LOCATION, Money, OrderId, RefundId, ReturnId, Sku


class Back(NamedTuple):
    """Units that came back, fit to be sold again if `restock`."""

    sku: Sku
    quantity: int
    restock: bool


@dataclass(frozen=True, slots=True)
class ReturnOrder:
    """Units that had been sent came back to a location. With `refund`, so does the money: `amount`, or by default
    what was paid for them, as far as it is still held."""

    order_id: OrderId
    return_id: ReturnId
    units: tuple[Back, ...]
    reason: str
    location: str = DEFAULT_LOCATION
    refund: bool = False
    amount: Money | None = None


def decide(command: ReturnOrder, read: Read) -> Sequence[Event]:
    order = placed(command.order_id, read)
    if not order.parcels:
        raise cannot(order, "RETURNED")
    existing_location(command.location, read)
    if not command.units or any(each.quantity < 1 for each in command.units):
        raise LimitExceeded("Something comes back: at least one unit of each line.", limit=1)
    back = summed((each.sku, each.quantity) for each in command.units)
    missing = [(sku, n, order.returnable(sku)) for sku, n in back.items() if n > order.returnable(sku)]
    if missing:
        raise TooManyUnits(missing)
    returned = OrderReturned(command.order_id, command.return_id, _worth(command, order), command.reason)
    return [returned, *_shelved(command, read), *_refund(command, returned, order)]


def _refund(command: ReturnOrder, returned: OrderReturned, order: Order) -> Sequence[Event]:
    """Called like the return, so that its credit note can say what it is for. Raises AmountRefused."""
    if not command.refund:
        return []
    worth = min(order.refundable, sum(each.worth.amount for each in returned.units))
    amount = worth if command.amount is None else amount_of(command.amount, order, most=order.refundable)
    return list(taken_back(command.order_id, order, RefundId(command.return_id), amount, command.reason))


def _worth(command: ReturnOrder, order: Order) -> tuple[Returned, ...]:
    """Shares are differences of what 0, 1, 2, ... units are worth together: all units come to the whole, to the cent,
    however they are spread over returns."""
    before = dict(order.returned)
    units = []
    for sku, quantity, restock in command.units:
        start = before.get(sku, 0)
        before[sku] = start + quantity
        worth, of = order.worth[sku], order.quantities[sku]
        share = worth * before[sku] // of - worth * start // of
        units.append(Returned(sku, quantity, restock, command.location, Money(share, order.total.currency)))
    return tuple(units)


def _shelved(command: ReturnOrder, read: Read) -> Sequence[Event]:
    """All of it comes back; what is not fit to be sold goes out again in the same moment."""
    order_id, reason, location = command.order_id, command.reason, command.location
    fit = summed((each.sku, each.quantity) for each in command.units if each.restock)
    unfit = summed((each.sku, each.quantity) for each in command.units if not each.restock)
    read.all([stocks(sku, location) for sku in sorted(fit | unfit)])
    facts: list[Event] = []
    for sku in sorted(fit | unfit):
        if units := unfit.get(sku):
            facts.append(StockReturned(sku, order_id, units, reason, location))
            facts.append(StockWrittenOff(sku, order_id, units, reason, location))
        if units := fit.get(sku):
            check_room(sku, location, units, read)
            facts += noticed(StockReturned(sku, order_id, units, reason, location), read)
    return facts
