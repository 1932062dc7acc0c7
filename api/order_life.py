"""An order's life told from its facts: how it looked at any version or time, and what each fact changed."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from events.order import OrderLapsed
from events.store import Recorded
from projections.order_summary import LAPSE_REASON, OrderSummaryRow, order_summary
from queries.order_summary import JSON_COLUMNS, Order, from_columns

OF_EVERY_FACT = frozenset({"version", "updated_at"})
"""Fields that every fact changes; each step says them anyway."""


@dataclass(frozen=True, slots=True)
class Change:
    """A field of the order before and after a fact; null for what was not there."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Deed:
    """A fact: when it happened and was recorded, who did it by which command, and why."""

    version: int
    type: str
    reason: str
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    command: str
    request_id: str
    correlation_id: str
    causation_id: str
    position: int


@dataclass(frozen=True, slots=True)
class Step(Deed):
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class Difference(Change):
    """A field that is not the same at two versions; `by` are the facts between them that changed it."""

    by: list[Deed]


def order_after(facts: Sequence[Recorded]) -> Order | None:
    """The order as these facts, from the first one on, have left it; None before the first."""
    views = [after for _, _, after in _views(facts)]
    return views[-1] if views else None


def steps(facts: Sequence[Recorded]) -> list[Step]:
    return [Step(**_told(fact), changes=list(_changes(before, after))) for fact, before, after in _views(facts)]


def differences(facts: Sequence[Recorded], since: int, until: int) -> list[Difference]:
    """What is not the same at two versions, 0 being before the order was placed, field by field.

    `facts` are all from the first one to at least `until`."""
    at: list[Order | None] = [None]
    deeds: dict[str, list[Deed]] = {}
    for fact, before, after in _views(facts[:until]):
        at.append(after)
        if fact.version > since:
            for change in _changes(before, after):
                deeds.setdefault(change.field, []).append(Deed(**_told(fact)))
    changed = _changes(at[since], at[until])
    return [Difference(each.field, each.before, each.after, deeds[each.field]) for each in changed]


def version_at(facts: Sequence[Recorded], point: int | datetime) -> int:
    """The version that a point in the order's life is: a version, or a time (by `recorded_at`)."""
    return point if isinstance(point, int) else sum(fact.recorded_at <= point for fact in facts)


def _told(fact: Recorded) -> dict[str, Any]:
    return {
        "version": fact.version,
        "type": type(fact.event).__name__,
        "reason": LAPSE_REASON if isinstance(fact.event, OrderLapsed) else getattr(fact.event, "reason", ""),
        "occurred_at": fact.occurred_at,
        "recorded_at": fact.recorded_at,
        "actor": fact.metadata.actor,
        "command": fact.metadata.command,
        "request_id": fact.metadata.request_id,
        "correlation_id": fact.metadata.correlation_id,
        "causation_id": fact.metadata.causation_id,
        "position": fact.position,
    }


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
    return {**row._asdict(), **{name: _plain(getattr(row, name)) for name in JSON_COLUMNS}}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, str) else asdict(value)


def _changes(before: Order | None, after: Order | None) -> Iterator[Change]:
    old, new = ({} if order is None else asdict(order) for order in (before, after))
    for name in new:
        if name not in OF_EVERY_FACT and old.get(name) != new[name]:
            yield Change(name, old.get(name), new[name])
