"""An order's life told from its facts: how it looked at any version or time, and what each fact changed."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from events.store import Recorded
from projections.order_summary import OrderSummaryRow, order_summary
from queries.order_summary import Order, from_columns

OF_EVERY_FACT = frozenset({"version", "updated_at"})
"""Fields that every fact changes; each step says them anyway."""


@dataclass(frozen=True, slots=True)
class Change:
    """A field of the order before and after a fact; null for what was not there."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Step:
    """A fact: what it changed, when it happened and was recorded, who did it by which command, and why."""

    version: int
    type: str
    changes: list[Change]
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    command: str
    request_id: str
    correlation_id: str
    causation_id: str
    position: int


def order_after(facts: Sequence[Recorded]) -> Order | None:
    """The order as these facts, from the first one on, have left it; None before the first."""
    views = [after for _, _, after in _views(facts)]
    return views[-1] if views else None


def steps(facts: Sequence[Recorded]) -> list[Step]:
    return [
        Step(
            fact.version,
            type(fact.event).__name__,
            list(_changes(before, after)),
            fact.occurred_at,
            fact.recorded_at,
            fact.metadata.actor,
            fact.metadata.command,
            fact.metadata.request_id,
            fact.metadata.correlation_id,
            fact.metadata.causation_id,
            fact.position,
        )
        for fact, before, after in _views(facts)
    ]


def _views(facts: Sequence[Recorded]) -> Iterator[tuple[Recorded, Order | None, Order | None]]:
    row: OrderSummaryRow | None = None
    before: Order | None = None
    for fact in facts:
        row = order_summary.evolve(row, fact, ())
        after = None if row is None else from_columns(_columns(row))
        yield fact, before, after
        before = after


def _columns(row: OrderSummaryRow) -> dict[str, Any]:
    """As they would be read from the table."""
    ship_to = None if row.ship_to is None else asdict(row.ship_to)
    return {**row._asdict(), "lines": [asdict(line) for line in row.lines], "ship_to": ship_to}


def _changes(before: Order | None, after: Order | None) -> Iterator[Change]:
    old, new = ({} if order is None else asdict(order) for order in (before, after))
    for name in new:
        if name not in OF_EVERY_FACT and old.get(name) != new[name]:
            yield Change(name, old.get(name), new[name])
