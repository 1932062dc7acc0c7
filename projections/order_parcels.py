"""What an order's row says of the parcels that were sent for it, and of what came back."""

from dataclasses import dataclass
from datetime import datetime

from events.order import OrderPartlyShipped, OrderReturned, OrderShipped, Reservation, Returned


@dataclass(frozen=True, slots=True)
class Parcel:
    """`units` is None if it held whatever was left: nearly every order is one parcel, and its lines say it already."""

    units: tuple[Reservation, ...] | None
    carrier: str
    tracking: str
    shipped_at: datetime


@dataclass(frozen=True, slots=True)
class ReturnedParcel:
    return_id: str
    units: tuple[Returned, ...]
    reason: str
    returned_at: datetime


def parcel(event: OrderPartlyShipped | OrderShipped, at: datetime) -> Parcel:
    units = event.units if isinstance(event, OrderPartlyShipped) else None
    return Parcel(units, event.carrier, event.tracking, at)


def returned_parcel(event: OrderReturned, at: datetime) -> ReturnedParcel:
    return ReturnedParcel(event.return_id, event.units, event.reason, at)
