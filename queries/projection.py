"""How far each projection is, who moves it, and what keeps it from moving."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from queries.rows import Rows

# How long the oldest fact that a projection has yet to see has been waiting; the rate at which it last moved on.
PROJECTIONS = """SELECT p.name, p.position, h.position AS head, h.position - p.position AS lag,
        coalesce(extract(epoch FROM clock_timestamp() - f.recorded_at), 0)::float8 AS lag_s,
        round(p.facts_per_s::numeric, 1)::float8 AS facts_per_s, CASE WHEN p.position >= h.position THEN 0.0
            WHEN p.facts_per_s > 0
            THEN round(((h.position - p.position) / p.facts_per_s)::numeric, 3) END::float8 AS eta_s,
        p.owner, p.epoch, p.lease_until > clock_timestamp() AS running,
        (SELECT count(*) FROM parked WHERE projection = p.name AND p.name NOT LIKE '%\\_\\_%') AS parked,
        p.last_error, p.updated_at,
        coalesce(p.source <> running.source, false) AS older_code
    FROM projections p CROSS JOIN head h LEFT JOIN facts f ON f.position = p.position + 1
        LEFT JOIN unnest($1::text[], $2::text[]) AS running (name, source) ON running.name = p.name
    WHERE p.name NOT LIKE '%\\_\\_old'  -- what a rebuild has replaced is kept, not moved
    ORDER BY p.name"""


@dataclass(frozen=True, slots=True)
class ProjectionState:
    """`lag` is how many facts it has yet to see, `lag_s` since when, `eta_s` how long that takes at the present rate.

    With `running` false nobody holds its lease. `parked` facts wait for someone to retry or skip them; what
    a rebuild parks is counted at its end. `older_code`: rows that were folded before the code changed stand beside
    new ones; a rebuild makes them all alike."""

    name: str
    position: int
    head: int
    lag: int
    lag_s: float
    facts_per_s: float
    eta_s: float | None
    owner: str | None
    epoch: int
    running: bool
    parked: int
    last_error: str | None
    updated_at: datetime
    older_code: bool

    @property
    def troubled(self) -> bool:
        """Something needs a person: it does not move, or it went on without some facts."""
        return self.last_error is not None or self.parked > 0


async def projections(rows: Rows, sources: Mapping[str, str] = MappingProxyType({})) -> Sequence[ProjectionState]:
    """`sources` says which code runs here, by projection; without, `older_code` is false for all."""
    found = await rows.fetch(PROJECTIONS, list(sources), list(sources.values()))
    return [ProjectionState(*row) for row in found]
