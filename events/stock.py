"""What can happen to the stock of one SKU at one location. Quantities are whole units and positive."""

from dataclasses import dataclass
from datetime import datetime

from events.quick import quick
from events.values import DEFAULT_LOCATION, OrderId, Sku


@dataclass(frozen=True, slots=True)
class StockReceived:
    sku: Sku
    quantity: int
    reference: str = ""
    location: str = DEFAULT_LOCATION


@dataclass(frozen=True, slots=True)
class StockAdjusted:
    """A count differed from the book by `delta` units (negative: fewer were found)."""

    sku: Sku
    delta: int
    reason: str
    location: str = DEFAULT_LOCATION


@quick
@dataclass(frozen=True, slots=True)
class StockReserved:
    sku: Sku
    order_id: OrderId
    quantity: int
    lapses_at: datetime | None = None
    location: str = DEFAULT_LOCATION


@dataclass(frozen=True, slots=True)
class StockReleased:
    sku: Sku
    order_id: OrderId
    quantity: int
    reason: str
    location: str = DEFAULT_LOCATION


@dataclass(frozen=True, slots=True)
class StockLapsed:
    """A reservation ran out because its order was not paid in time."""

    sku: Sku
    order_id: OrderId
    quantity: int
    location: str = DEFAULT_LOCATION


@dataclass(frozen=True, slots=True)
class StockCommitted:
    """Reserved units left the house: sold."""

    sku: Sku
    order_id: OrderId
    quantity: int
    location: str = DEFAULT_LOCATION


@dataclass(frozen=True, slots=True)
class StockReturned:
    """Sold units came back."""

    sku: Sku
    order_id: OrderId
    quantity: int
    reason: str
    location: str = DEFAULT_LOCATION


@dataclass(frozen=True, slots=True)
class StockWrittenOff:
    """Units that came back are not fit to be sold again."""

    sku: Sku
    order_id: OrderId
    quantity: int
    reason: str
    location: str = DEFAULT_LOCATION


@dataclass(frozen=True, slots=True)
class StockSent:
    """Units went to another location, where as many arrive in the same transaction."""

    sku: Sku
    quantity: int
    destination: str
    reason: str = ""
    location: str = DEFAULT_LOCATION


@dataclass(frozen=True, slots=True)
class StockArrived:
    """Units came from another location."""

    sku: Sku
    quantity: int
    origin: str
    reason: str = ""
    location: str = DEFAULT_LOCATION


@dataclass(frozen=True, slots=True)
class StockThresholdSet:
    """From now on it is said when no more than `threshold` units are available; None: never."""

    sku: Sku
    threshold: int | None
    location: str = DEFAULT_LOCATION


@dataclass(frozen=True, slots=True)
class StockRanLow:
    """The available units have come down to the threshold. Said once, in the transaction that took them there."""

    sku: Sku
    available: int
    threshold: int
    location: str = DEFAULT_LOCATION


@dataclass(frozen=True, slots=True)
class StockRecovered:
    """They are more than the threshold again."""

    sku: Sku
    available: int
    location: str = DEFAULT_LOCATION


StockEvent = (
    StockReceived
    | StockAdjusted
    | StockReserved
    | StockReleased
    | StockLapsed
    | StockCommitted
    | StockReturned
    | StockWrittenOff
    | StockSent
    | StockArrived
    | StockThresholdSet
    | StockRanLow
    | StockRecovered
)
