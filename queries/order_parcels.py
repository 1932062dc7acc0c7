"""The parcels of an order, and what came back of it, as its customer and the staff see them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from queries.rows import Money


@dataclass(frozen=True, slots=True)
class SentLine:
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Shipment:
    lines: list[SentLine]
    carrier: str
    tracking: str
    shipped_at: datetime


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    """`worth` is what was paid for these units, with tax."""

    sku: str
    quantity: int
    restocked: bool
    location: str
    worth: Money


@dataclass(frozen=True, slots=True)
class Return:
    return_id: str
    lines: list[ReturnedLine]
    reason: str
    returned_at: datetime


def shipments(parcels: Iterable[Mapping[str, Any]], lines: Sequence[Mapping[str, Any]]) -> list[Shipment]:
    """A parcel without units of its own held what of the order's lines was left."""
    left: Counter[str] = Counter()
    for line in lines:
        left[line["sku"]] += line["quantity"]
    sent = []
    for parcel in parcels:
        units: Counter[str] = Counter()
        for each in parcel["units"] or ():
            units[each["sku"]] += each["quantity"]
        if parcel["units"] is None:
            units = +left
        left -= units
        held = [SentLine(sku, quantity) for sku, quantity in units.items()]
        sent.append(Shipment(held, parcel["carrier"], parcel["tracking"], _moment(parcel["shipped_at"])))
    return sent


def returns(parcels: Iterable[Mapping[str, Any]]) -> list[Return]:
    return [
        Return(
            parcel["return_id"],
            [ReturnedLine(**{**unit, "worth": Money(**unit["worth"])}) for unit in parcel["units"]],
            parcel["reason"],
            _moment(parcel["returned_at"]),
        )
        for parcel in parcels
    ]


def _moment(at: datetime | str) -> datetime:
    return at if isinstance(at, datetime) else datetime.fromisoformat(at)
