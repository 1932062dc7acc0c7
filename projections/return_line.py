"""What came back, article by article: an entry per line of a return."""

from typing import NamedTuple

from events.order import OrderReturned
from events.store import Fact
from projections.projection import Key, Projection


class ReturnLineRow(NamedTuple):
    position: int
    line: int
    order_id: str
    return_id: str
    sku: str
    worth_minor: int
    """What these units had been sold for, with their tax."""
    before_minor: int
    """What those of the lines before it had been sold for."""
    of_minor: int
    """And those of all lines: which part of the return's refund is its own."""


def keys(event: OrderReturned) -> list[Key]:
    return [(number,) for number in range(1, len(event.units) + 1)]


def evolve(row: ReturnLineRow | None, fact: Fact[OrderReturned], key: Key) -> ReturnLineRow:
    (position, number), event = key, fact.event
    worths = [each.worth.amount for each in event.units]
    return ReturnLineRow(
        position,
        number,
        event.order_id,
        event.return_id,
        event.units[number - 1].sku,
        worth_minor=worths[number - 1],
        before_minor=sum(worths[: number - 1]),
        of_minor=sum(worths),
    )


return_line = Projection(
    "return_line", ReturnLineRow, ("position", "line"), (OrderReturned,), keys, evolve, journal=True
)
