"""Schedules of concurrent writers, drawn by Hypothesis: who appends what where, which appends dawdle, what is cut."""

from dataclasses import dataclass
from typing import Literal

from hypothesis import strategies as st

STORES = 3
STREAMS = 4

Expecting = Literal["any", "fresh", "stale"]
Dawdling = Literal["insert", "commit"]


@dataclass(frozen=True, slots=True)
class Planned:
    """One append: so many facts into each stream, in this order (none: it only guards), on the versions it names."""

    facts: tuple[tuple[int, int], ...]
    expecting: Expecting
    guards: frozenset[int] = frozenset()
    dawdling: Dawdling | None = None
    """Where its transaction sleeps: when its rows are written, or at the commit itself."""
    keyed: bool = False
    """With an idempotency key, and asked twice."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Each writer goes through its appends one by one, all writers at once; `stores[n]` is where writer n is."""

    writers: tuple[tuple[Planned, ...], ...]
    stores: tuple[int, ...]
    cuts_ms: tuple[int, ...]
    """When the connections of all appends under way are cut."""


_stream = st.integers(0, STREAMS - 1)
_planned = st.builds(
    Planned,
    facts=st.lists(st.tuples(_stream, st.integers(1, 3)), max_size=3).map(tuple),
    expecting=st.sampled_from(["fresh", "fresh", "any", "stale"]),
    guards=st.frozensets(_stream, max_size=2),
    dawdling=st.sampled_from([None, None, "insert", "commit"]),
    keyed=st.booleans(),
)


@st.composite
def _schedules(draw: st.DrawFn) -> Schedule:
    writers = draw(st.lists(st.lists(_planned, min_size=1, max_size=4).map(tuple), min_size=2, max_size=12))
    stores = draw(st.lists(st.integers(0, STORES - 1), min_size=len(writers), max_size=len(writers)))
    cuts = draw(st.lists(st.integers(1, 120), max_size=2))
    return Schedule(tuple(writers), tuple(stores), tuple(sorted(cuts)))


schedules = _schedules()
