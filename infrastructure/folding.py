"""Folding a page of facts into one projection's rows. A fact that cannot be taken parks its key; the rest goes on.

Later facts of a parked key queue behind the one that failed, so rows are only ever built from facts in order. A fact
that cannot even be read has no key: it parks its stream.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import asyncpg
import msgspec
import structlog

from events import Event, category_of
from events.store import Fact
from infrastructure.codec import Unread
from infrastructure.database import Connection
from infrastructure.read_table import ReadTable
from projections.projection import Key, Projection

ERROR_CHARACTERS_MAX = 2_000
# What the database says of a row that does not fit its table.
MISFIT = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)

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


@dataclass(slots=True)
class Folded:
    """What a page has led to: the keys whose rows may be different now, and what had to be parked."""

    keys: list[Key] = field(default_factory=list)
    shown: bool = False
    """Whether lists that show these rows look different now."""
    parked: list[Parked] = field(default_factory=list)


class RowCache(Protocol):
    """Where rows are kept for readers in a hurry. Told after the commit what has changed; must not raise."""

    async def changed(self, kind: str, keys: Sequence[Key], position: int) -> None: ...


def key_text(key: Key) -> str:
    return msgspec.json.encode(key).decode()


async def fold_page(
    connection: Connection,
    projection: Projection[Any],
    table: ReadTable[Any],
    facts: Sequence[Fact[Event] | Unread],
    parked_keys: Collection[str],
    *,
    only_key: str | None = None,
    skipped: Collection[tuple[str, int]] = (),
) -> Folded:
    """Fold and write inside the caller's transaction; with `only_key` (as `key_text` writes it) into that row alone.

    `skipped` are keys and positions that someone has decided to leave out.

    Raises asyncpg's errors if the database itself fails."""
    fold = Fold(projection, parked_keys, only_key=only_key, skipped=skipped)
    touched = fold.sorted(facts)
    shown = False
    if touched:
        before = await table.fetch(connection, touched)
        await asyncio.sleep(0)  # a long fold must not hold up the appends of a process that serves requests too
        changed = fold.folded(touched, before)
        shown = _is_shown(projection, changed, before)
        try:
            async with connection.transaction():
                await table.write(connection, changed, before)
        except MISFIT:
            await _write_each(connection, table, fold, touched, changed, before)
    return Folded(list(touched), shown, fold.parked)


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
        self._projection, self._parked_keys, self._only_key = projection, set(parked_keys), only_key
        self._types = {*projection.facts, type(None)}  # of an `Unread` the event is None
        self._categories = {category_of(fact) for fact in projection.facts}
        self.skipped = frozenset(skipped)
        self.parked: list[Parked] = []

    def sorted(self, facts: Sequence[Fact[Event] | Unread]) -> dict[Key, list[Fact[Event]]]:
        """The facts of each row, in order, without those that have to wait."""
        touched: dict[Key, list[Fact[Event]]] = {}
        types = self._types
        for fact in [fact for fact in facts if type(fact.event) in types]:
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
        evolve, changed = self._projection.evolve, {}
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
        exceptions = self._parked_keys or self.skipped or self._only_key
        if exceptions and self._has_to_wait(_stream_key(fact), fact):
            return ()
        try:
            keys = list(self._projection.keys(fact.event))
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
        if key in self._parked_keys:
            self._park(key, fact, type(fact.event).__name__, None)
            return True
        return False

    def _unread(self, fact: Unread) -> None:
        of_ours = fact.stream.partition("-")[0] in self._categories
        if of_ours and (_stream_key(fact), fact.position) not in self.skipped:
            self._park(_stream_key(fact), fact, fact.type, fact.error)

    def _park(self, key: str, fact: Fact[Event] | Unread, type_name: str, error: str | None) -> None:
        self._parked_keys.add(key)
        self.parked.append(Parked(key, fact.position, fact.stream, fact.version, type_name, error))
        if error is not None:
            log.error("fact_parked", projection=self._projection.name, key=key, position=fact.position, error=error)


def _is_shown(projection: Projection[Any], changed: Mapping[Key, Any], before: Mapping[Key, Any]) -> bool:
    """Whether any row has changed in what lists show of it; rows that come or go have."""
    shown = projection.shown
    if projection.listed_as is None or shown is None:
        return projection.listed_as is not None and bool(changed)
    for key, row in changed.items():
        old = before.get(key)
        if row is None or old is None or shown(row) != shown(old):
            return True
    return False


async def _write_each(
    connection: Connection,
    table: ReadTable[Any],
    fold: Fold,
    touched: Mapping[Key, Sequence[Fact[Event]]],
    changed: Mapping[Key, Any],
    before: Mapping[Key, Any],
) -> None:
    """One row does not fit its table. Each alone, those that do not fit are found, and only they wait."""
    for key, row in changed.items():
        try:
            async with connection.transaction():
                await table.write(connection, {key: row}, before)
        except MISFIT as error:
            fold.park_from(key, touched[key], error)


def _stream_key(fact: Fact[Event] | Unread) -> str:
    return f"stream:{fact.stream}"


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:ERROR_CHARACTERS_MAX]
