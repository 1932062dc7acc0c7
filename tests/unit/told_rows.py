"""Read models told as stories: given these facts, one a minute from noon on, then these rows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from events import Event, stream_of
from events.store import Metadata, Recorded
from projections.projection import Key, Projection
from tests.unit.pasts import NOON


def recorded(events: Sequence[Event]) -> list[Recorded]:
    """One fact a minute from noon on, each in its stream and in the book."""
    versions: dict[str, int] = {}
    facts = []
    for position, event in enumerate(events, 1):
        stream = stream_of(event)
        versions[stream] = versions.get(stream, 0) + 1
        at = NOON + timedelta(minutes=position)
        facts.append(Recorded(event, UUID(int=position), stream, versions[stream], position, Metadata(), at, at))
    return facts


def rows(projection: Projection[Any], *events: Event) -> dict[Key, Any]:
    found: dict[Key, Any] = {}
    for fact in recorded(events):
        if type(fact.event) in projection.facts:
            for key in projection.touched(fact):
                row = projection.evolve(found.get(key), fact, key)
                if row is None:
                    found.pop(key, None)
                else:
                    found[key] = row
    return found


def minute(n: int) -> datetime:
    return NOON + timedelta(minutes=n)
