"""Keeping the stock of a SKU at a location: what is on hand, what of it is promised, and never less than nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from commands.decider import Fold, Read
from commands.product import product_of
from commands.rejections import LimitExceeded, StockWouldGoNegative
from events.stock import (
    StockAdjusted,
    StockCommitted,
    StockEvent,
    StockLapsed,
    StockReceived,
    StockReleased,
    StockReserved,
)
from events.values import DEFAULT_LOCATION, Sku

MAX_UNITS = 2_000_000_000
"""On hand of one SKU at one location: read tables keep it in a 64-bit column, clients may not."""


@dataclass(frozen=True, slots=True)
class ReceiveStock:
    """Goods came in. Asking twice books twice: callers make it once by an idempotency key."""

    sku: Sku
    quantity: int
    reference: str = ""
    location: str = DEFAULT_LOCATION


@dataclass(frozen=True, slots=True)
class AdjustStock:
    sku: Sku
    delta: int
    reason: str
    location: str = DEFAULT_LOCATION


StockCommand = ReceiveStock | AdjustStock


@dataclass(frozen=True, slots=True)
class Stock:
    """Who holds a reservation is known to its order, so this stays two numbers however long the stream grows."""

    on_hand: int = 0
    reserved: int = 0

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


def evolve(stock: Stock, event: StockEvent) -> Stock:
    match event:
        case StockReceived(quantity=quantity):
            return Stock(stock.on_hand + quantity, stock.reserved)
        case StockAdjusted(delta=delta):
            return Stock(stock.on_hand + delta, stock.reserved)
        case StockReserved(quantity=quantity):
            return Stock(stock.on_hand, stock.reserved + quantity)
        case StockReleased(quantity=quantity) | StockLapsed(quantity=quantity):
            return Stock(stock.on_hand, stock.reserved - quantity)
        case StockCommitted(quantity=quantity):
            return Stock(stock.on_hand - quantity, stock.reserved - quantity)
        case _:
            assert_never(event)


stocks = Fold("stock", Stock(), evolve)


def decide(command: StockCommand, read: Read) -> Sequence[StockEvent]:
    product_of(command.sku, read)
    stock = read(stocks(command.sku, command.location))
    match command:
        case ReceiveStock(sku, quantity, reference, location):
            if quantity < 1:
                raise LimitExceeded("At least one unit is received.", limit=1)
            if stock.on_hand + quantity > MAX_UNITS:
                raise LimitExceeded(f"The book of one SKU ends at {MAX_UNITS} units.", limit=MAX_UNITS)
            return [StockReceived(sku, quantity, reference, location)]
        case AdjustStock(sku, delta, reason, location):
            if stock.available + delta < 0:
                raise StockWouldGoNegative(sku, delta, stock.available)
            if stock.on_hand + delta > MAX_UNITS:
                raise LimitExceeded(f"The book of one SKU ends at {MAX_UNITS} units.", limit=MAX_UNITS)
            return [StockAdjusted(sku, delta, reason, location)] if delta else []
        case _:
            assert_never(command)
