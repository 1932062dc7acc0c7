"""A fact as JSON for those who read the book from outside."""

import msgspec

from infrastructure.codec import StoredFact

_encode = msgspec.json.Encoder().encode


def event_json(fact: StoredFact) -> bytes:
    """The event as in the API's contract; its body and metadata are the stored bytes, never decoded."""
    return _encode(
        {
            "position": fact.id,
            "id": fact.fact_id,
            "stream": fact.originator_id,
            "version": fact.originator_version,
            "type": fact.topic,
            "schema_version": fact.schema_version,
            "data": msgspec.Raw(fact.state),
            "metadata": msgspec.Raw(fact.metadata),
            "occurred_at": fact.occurred_at,
            "recorded_at": fact.recorded_at,
        }
    )


def event_line(fact: StoredFact) -> bytes:
    """The same on one line. In JSON a line break can only stand between tokens, where a space does as well."""
    return event_json(fact).replace(b"\n", b" ").replace(b"\r", b" ")
