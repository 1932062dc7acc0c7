"""Facts into one projection's rows, in memory. A fact that cannot be taken parks its key; the rest goes on.

Later facts of a parked key queue behind the one that failed, so rows are only ever built from facts in order. A fact
that cannot even be read has no key: it parks its stream.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import structlog

from events import Event, category_of
from events.store import Fact
from infrastructure.codec import Unread
from projections.projection import Key, Projection

ERROR_CHARACTERS_MAX = 2_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parked:
    """A fact that waits; `error` is None where it waits behind another one of its key."""

    key: str
    position: int
    stream: str
    version: int
    type: str
    error: str | None


def key_text(key: Key) -> str:
    return msgspec.json.encode(key).decode()


class Fold:
    """Folds facts into rows of one projection, and keeps what has to wait in `parked`."""

    def __init__(
        self,
        projection: Projection[Any],
        parked_keys: Collection[str],
        *,
        only_key: str | None = None,
        skipped: Collection[tuple[str, int]] = (),
    ) -> None:
        self.projection, self.parked_keys, self._only_key = projection, set(parked_keys), only_key
        self._types = _types(projection.facts)
        self.skipped = frozenset(skipped)
        self.parked: list[Parked] = []

    def sorted(self, facts: Sequence[Fact[Event] | Unread]) -> dict[Key, list[Fact[Event]]]:
        """The facts of each row, in order, without those that have to wait."""
        touched: dict[Key, list[Fact[Event]]] = {}
        types = self._types
        for fact in facts:
            if type(fact.event) not in types:
                continue
            if isinstance(fact, Unread):
                self._unread(fact)
                continue
            for key in self._keys(fact):
                if key in touched:
                    touched[key].append(fact)
                else:
                    touched[key] = [fact]
        return touched

    def folded(self, touched: Mapping[Key, Sequence[Fact[Event]]], before: Mapping[Key, Any]) -> dict[Key, Any]:
        """The rows that are different now; None for one that is no more."""
        evolve, changed = self.projection.evolve, {}
        for key, facts in touched.items():
            old = row = before.get(key)
            for place, fact in enumerate(facts):
                try:
                    row = evolve(row, fact, key)
                except Exception as error:
                    self.park_from(key, facts[place:], error)
                    break
            if row is not old:
                changed[key] = row
        return changed

    def park_from(self, key: Key, facts: Sequence[Fact[Event]], error: Exception) -> None:
        """The first of these facts failed; the others wait behind it."""
        text = key_text(key)
        told: str | None = _told(error)
        for fact in facts:
            self._park(text, fact, type(fact.event).__name__, told)
            told = None

    def _keys(self, fact: Fact[Event]) -> Sequence[Key]:
        """The rows that a fact moves now."""
        exceptions = self.parked_keys or self.skipped or self._only_key
        if exceptions and self._has_to_wait(_stream_key(fact), fact):
            return ()
        try:
            keys = self.projection.touched(fact)
        except Exception as error:
            self._park(_stream_key(fact), fact, type(fact.event).__name__, _told(error))
            return ()
        if not exceptions:
            return keys
        return [key for key in keys if self._is_meant(text := key_text(key)) and not self._has_to_wait(text, fact)]

    def _is_meant(self, key: str) -> bool:
        return self._only_key is None or key == self._only_key

    def _has_to_wait(self, key: str, fact: Fact[Event]) -> bool:
        """It is left out, or goes behind what is parked under the same key."""
        if (key, fact.position) in self.skipped:
            return True
        if key in self.parked_keys:
            self._park(key, fact, type(fact.event).__name__, None)
            return True
        return False

    def _unread(self, fact: Unread) -> None:
        of_ours = fact.stream.partition("-")[0] in {category_of(kind) for kind in self.projection.facts}
        if of_ours and (_stream_key(fact), fact.position) not in self.skipped:
            self._park(_stream_key(fact), fact, fact.type, fact.error)

    def _park(self, key: str, fact: Fact[Event] | Unread, type_name: str, error: str | None) -> None:
        self.parked_keys.add(key)
        self.parked.append(Parked(key, fact.position, fact.stream, fact.version, type_name, error))
        if error is not None:
            log.error("fact_parked", projection=self.projection.name, key=key, position=fact.position, error=error)


def concerns(projection: Projection[Any], kinds: Collection[type]) -> bool:
    """Whether there is anything to fold in facts of these kinds."""
    return not _types(projection.facts).isdisjoint(kinds)


@cache
def _types(facts: tuple[type, ...]) -> frozenset[type]:
    """Of an `Unread` the event is None."""
    return frozenset({*facts, type(None)})


def _stream_key(fact: Fact[Event] | Unread) -> str:
    return f"stream:{fact.stream}"


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:ERROR_CHARACTERS_MAX]
