"""An append in the terms of the database: names, numbers and JSON instead of facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from uuid_utils import uuid7

from events import stream_of
from events.store import Append, AppendRefused, IdempotencyKey, Ticket
from infrastructure.codec import FactTranscoder, encode_metadata

MAX_VERSION = 2**31 - 1


class RawFact(NamedTuple):
    """A fact ready to be stored. `id` is a UUIDv7 in its text form, `body` is JSON."""

    stream: str
    id: str
    type: str
    schema_version: int
    body: str
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True)
class RawAppend:
    """Facts to be stored together, and the version that each stream named in `expected` must have."""

    facts: Sequence[RawFact]
    expected: dict[str, int]
    metadata: str
    key: IdempotencyKey | None
    ticket: Ticket = field(default_factory=Ticket)
    after: Mapping[str, Ticket] = field(default_factory=dict)


def encoded(append: Append, transcoder: FactTranscoder) -> RawAppend:
    """Raises AppendRefused for what cannot be written as JSON, and for a version that no stream can have."""
    for stream, expected in append.expected.items():
        if not 0 <= expected <= MAX_VERSION:
            raise AppendRefused(f"stream {stream} can never be at version {expected}")
    try:
        facts = [
            RawFact(
                stream,
                str(uuid7()),
                name := type(event).__name__,
                transcoder.evolution.version(name),
                transcoder.encode(event).decode(),
                append.occurred_at,
            )
            for stream, event in zip(append.streams or map(stream_of, append.events), append.events, strict=True)
        ]
        return RawAppend(
            facts, dict(append.expected), encode_metadata(append.metadata), append.key, append.ticket, append.after
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise AppendRefused(str(error)) from error
