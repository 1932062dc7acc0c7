"""An append in the terms of the database: names, numbers and JSON instead of facts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from uuid_utils import uuid7

from events import stream_of
from events.store import Append, AppendRefused, Escrow, IdempotencyKey, Ticket
from infrastructure.codec import FactTranscoder, encode_metadata
from infrastructure.personal import Divider, Personal

MAX_VERSION = 2**31 - 1
_new = tuple.__new__


class RawFact(NamedTuple):
    """A fact ready to be stored. `id` is a UUIDv7 in its text form, `body` is JSON.

    What is `personal` is not in the body yet: it is encrypted when the fact is on its way, as that may need a key."""

    stream: str
    id: str
    type: str
    schema_version: int
    body: str
    occurred_at: datetime | None
    personal: Personal | None = None


@dataclass(slots=True)  # frozen, it would take three times as long to make
class RawAppend:
    """Facts to be stored together, and the version that each stream named in `expected` must have."""

    facts: Sequence[RawFact]
    expected: Mapping[str, int]
    metadata: str
    key: IdempotencyKey | None
    ticket: Ticket = field(default_factory=Ticket)
    after: Mapping[str, Ticket] = field(default_factory=dict)
    escrows: Mapping[str, Escrow] = field(default_factory=dict)
    persons: Collection[str] = ()
    """Whose keys are needed before it can be stored."""
    first_condition: int = 0
    """Of the batch that it travels in: counted from 1, and told when the batch is made."""


def sealed(append: RawAppend, divider: Divider) -> RawAppend:
    """The same with what is personal encrypted in the bodies. Raises infrastructure.vault.KeyMissing."""
    facts = [
        fact
        if fact.personal is None
        else fact._replace(body=divider.sealed(fact.type, fact.body, fact.personal), personal=None)
        for fact in append.facts
    ]
    return replace(append, facts=facts, persons=())


def encoded(append: Append, transcoder: FactTranscoder, *, divided: bool = True) -> RawAppend:
    """With what is personal apart from the bodies, if they are to be `divided`.

    Raises AppendRefused for what cannot be written as JSON, and for a version that no stream can have."""
    for stream, expected in append.expected.items():
        if not 0 <= expected <= MAX_VERSION:
            raise AppendRefused(f"stream {stream} can never be at version {expected}")
    try:
        facts, persons, version = [], [], transcoder.evolution.version
        for stream, event in zip(append.streams or map(stream_of, append.events), append.events, strict=True):
            body, personal = transcoder.divided(event) if divided else (transcoder.encode(event), None)
            if personal is not None:
                persons.append(personal.person)
            name = type(event).__name__
            # In half the time that `RawFact(...)` takes.
            fact = stream, str(uuid7()), name, version(name), body.decode(), append.occurred_at, personal
            facts.append(_new(RawFact, fact))
        return RawAppend(
            facts,
            append.expected,
            encode_metadata(append.metadata),
            append.key,
            append.ticket,
            append.after,
            append.escrows,
            persons,
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise AppendRefused(str(error)) from error
