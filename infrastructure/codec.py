"""Facts to bytes and back, in the `eventsourcing` library's terms: a transcoder for bodies, a mapper for facts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, get_type_hints
from uuid import UUID

import msgspec
from eventsourcing.persistence import Mapper, Notification, StoredEvent, Transcoder

from events import EVENT_TYPES, Event, stream_of
from events.evolution import Evolution
from events.store import Metadata, Recorded
from infrastructure.personal import Divider, Personal
from infrastructure.vault import Vault


class UnknownFact(Exception):
    """The book holds a fact of a type or schema version that this program does not know."""

    def __init__(self, type_name: str, schema_version: int) -> None:
        super().__init__(f"fact {type_name} v{schema_version} is not known to this version of Daybook")


class Undecodable(Exception):
    """A fact's body does not fit its type."""


@dataclass(frozen=True)
class StoredFact(Notification):
    """A row of the book as it is: the library's notification (id: position, topic: type, state: body) and the rest."""

    fact_id: UUID
    schema_version: int
    metadata: bytes
    occurred_at: datetime
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Unread:
    """A fact in its place whose type, schema version or body this program cannot read."""

    position: int
    stream: str
    version: int
    type: str
    error: str
    event: None = None


class FactTranscoder(Transcoder):
    """Bodies as JSON, by msgspec: a tenth of the cost of the library's own transcoder."""

    def __init__(
        self,
        types: Mapping[str, type] = EVENT_TYPES,
        evolution: Evolution | None = None,
        vault: Vault | None = None,
    ) -> None:
        """Without a `vault` nothing can be read that is encrypted. Raises events.evolution.BrokenEvolution."""
        super().__init__()
        self.evolution = evolution or Evolution()
        self.evolution.check(types)
        self._types = types
        self._encoder = msgspec.json.Encoder()
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {
            name: msgspec.json.Decoder(event_type) for name, event_type in types.items()
        }
        self._present: dict[tuple[str, int], Callable[[bytes | str], Event]] = {
            (stored, self.evolution.version(name)): decoder.decode
            for name, decoder in self._decoders.items()
            for stored in self.evolution.stored_names([name])
        }
        stored = {each: kind for name, kind in types.items() for each in self.evolution.stored_names([name])}
        self.vault = vault or Vault()
        self.divider = Divider(stored, self.vault)
        self._may_hold_floats = {each for each in types.values() if "float" in str(get_type_hints(each))}

    def encode(self, obj: Any) -> bytes:
        """Raises ValueError for text that is not Unicode and for numbers that are not finite."""
        body = self._encoder.encode(obj)
        if type(obj) in self._may_hold_floats:  # NaN and infinity are written as null, and could not be read again
            try:
                self._decoders[type(obj).__name__].decode(body)
            except msgspec.ValidationError as error:
                raise ValueError(str(error)) from error
        return body

    def divided(self, event: Event) -> tuple[bytes, Personal | None]:
        """The body without what is personal, and that, which is to be encrypted. Raises ValueError as `encode` does."""
        return self.divider.divided(event) if type(event) in self.divider.fields else (self.encode(event), None)

    def decode(self, data: bytes) -> Any:
        return msgspec.json.decode(data)

    def decode_fact(self, type_name: str, version: int, body: bytes | str) -> Event:
        """A fact as it is understood today; the vault has learned the keys. Raises UnknownFact or Undecodable."""
        decode = self._present.get((type_name, version))
        try:
            if type_name in self.divider:
                body = self.divider.opened(type_name, body if isinstance(body, str) else body.decode())
            if decode is not None:
                return decode(body)
            name = self.evolution.renamed.get(type_name, type_name)
            if name not in self._types or not 1 <= version < self.evolution.version(name):
                raise UnknownFact(type_name, version)
            return msgspec.convert(self._upcast(name, version, msgspec.json.decode(body)), self._types[name])
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
            raise Undecodable(f"a {type_name} v{version} cannot be read: {error}") from error

    def _upcast(self, name: str, version: int, body: Any) -> Any:
        """An upcaster may fail in any way on a body that nobody has thought of. Raises ValueError."""
        try:
            return self.evolution.upcast(name, version, body)
        except Exception as error:
            raise ValueError(f"its upcaster failed: {error!r}") from error


class FactMapper(Mapper[str]):
    """Between `Recorded` facts and the library's stored events. Names are type names, never paths of Python modules."""

    transcoder: FactTranscoder

    def __init__(self, vault: Vault | None = None) -> None:
        super().__init__(FactTranscoder(vault=vault))

    def to_stored_event(self, domain_event: Any) -> StoredEvent:
        recorded: Recorded = domain_event
        return StoredEvent(
            originator_id=stream_of(recorded.event),
            originator_version=recorded.version,
            topic=type(recorded.event).__name__,
            state=self.transcoder.encode(recorded.event),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        assert isinstance(stored_event, StoredFact)
        stored = stored_event
        return Recorded(
            event=self.transcoder.decode_fact(stored.topic, stored.schema_version, stored.state),
            id=stored.fact_id,
            stream=str(stored.originator_id),
            version=stored.originator_version,
            position=stored.id,
            metadata=decode_metadata(stored.metadata),
            occurred_at=stored.occurred_at,
            recorded_at=stored.recorded_at,
        )


_metadata_decoder = msgspec.json.Decoder(Metadata)


@lru_cache(maxsize=64)
def decode_metadata(raw: bytes | str) -> Metadata:
    """Facts of one append carry the same metadata and are read one after another: hence the small cache."""
    return _metadata_decoder.decode(raw)


def encode_metadata(metadata: Metadata) -> str:
    return msgspec.json.encode(metadata).decode()
