"""The stock of a SKU at a location told from its facts: what each of them moved, and what all of them add up to."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any, cast

from pydantic import Field

from commands.stock import Stock
from events.stock import StockEvent
from events.store import Recorded
from projections.stock_level import moved
from queries.stock_level import StockLevel


@dataclass(frozen=True, slots=True)
class Movement:
    """A fact about the stock: by how much it moved what is on hand and what is reserved, and on whose behalf."""

    version: int
    type: str
    on_hand: int
    reserved: int
    order_id: str | None
    note: Annotated[
        str,
        Field(description="The reference of a receipt; the reason of an adjustment, release or transfer."),
    ]
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    command: str
    request_id: str
    position: int


@dataclass(frozen=True, slots=True)
class ExplainedMovement(Movement):
    on_hand_after: int
    reserved_after: int
    available_after: int


@dataclass(slots=True)
class Sum:
    facts: int = 0
    on_hand: int = 0
    reserved: int = 0
    available: int = 0

    def add(self, movement: Movement) -> None:
        self.facts += 1
        self.on_hand += movement.on_hand
        self.reserved += movement.reserved
        self.available += movement.on_hand - movement.reserved

    def after(self) -> dict[str, Any]:
        """The balance, as a movement shows it."""
        balance = asdict(self)
        return {f"{name}_after": balance[name] for name in ("on_hand", "reserved", "available")}


def movement(fact: Recorded) -> Movement:
    event = stock_event(fact)
    on_hand, reserved = moved(event)
    return Movement(
        fact.version,
        type(event).__name__,
        on_hand,
        reserved,
        getattr(event, "order_id", None),
        getattr(event, "reason", "") or getattr(event, "reference", ""),
        fact.occurred_at,
        fact.recorded_at,
        fact.metadata.actor,
        fact.metadata.command,
        fact.metadata.request_id,
        fact.position,
    )


def stock_event(fact: Recorded) -> StockEvent:
    """Of a stream that has no others."""
    return cast(StockEvent, fact.event)


def level_of(stock: Stock, sku: str, location: str, version: int) -> StockLevel:
    """As the write side folds it, which is what decisions rest on."""
    return StockLevel(
        sku, location, stock.on_hand, stock.reserved, stock.available, stock.threshold, stock.is_low, version
    )
