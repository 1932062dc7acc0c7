"""Folding a page of facts into one projection's rows. A fact that cannot be taken parks its key; the rest goes on.

Later facts of a parked key queue behind the one that failed, so rows are only ever built from facts in order. A fact
that cannot even be read has no key: it parks its stream.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import asyncpg
import msgspec
import structlog

from events import category_of
from events.store import Recorded
from infrastructure.codec import Unread
from infrastructure.database import Connection
from infrastructure.read_table import ReadTable
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


@dataclass(slots=True)
class Folded:
    """What a page has led to: the keys whose rows may be different now, and what had to be parked."""

    keys: list[Key] = field(default_factory=list)
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
    facts: Sequence[Recorded | Unread],
    parked_keys: Collection[str],
    *,
    only_key: str | None = None,
    skipped: Collection[tuple[str, int]] = (),
) -> Folded:
    """Fold and write inside the caller's transaction; with `only_key` (as `key_text` writes it) into that row alone.

    `skipped` are keys and positions that someone has decided to leave out.

    Raises asyncpg's errors if the database itself fails."""
    page = _Page(projection, set(parked_keys), only_key, frozenset(skipped))
    for fact in facts:
        page.sort(fact)
    if page.touched:
        before = await table.fetch(connection, page.touched)
        await asyncio.sleep(0)  # a long fold must not hold up the appends of a process that serves requests too
        page.fold(before)
        await _write(connection, table, page)
    return Folded(list(page.touched), page.parked)


class _Page:
    """One page on its way into the rows of one projection."""

    def __init__(
        self,
        projection: Projection[Any],
        parked_keys: set[str],
        only_key: str | None,
        skipped: Collection[tuple[str, int]],
    ) -> None:
        self._skipped = skipped
        self._projection, self._parked_keys, self._only_key = projection, parked_keys, only_key
        self._types = set(projection.facts)
        self._categories = {category_of(fact) for fact in projection.facts}
        self.touched: dict[Key, list[Recorded]] = {}
        self.written: dict[Key, Any] = {}
        self.deleted: list[Key] = []
        self.parked: list[Parked] = []

    def sort(self, fact: Recorded | Unread) -> None:
        """Find out which rows a fact belongs to, or why it has to wait."""
        stream_key = f"stream:{fact.stream}"
        if self._skipped and (stream_key, fact.position) in self._skipped:
            return
        if isinstance(fact, Unread):
            if fact.stream.partition("-")[0] in self._categories:
                self._park(stream_key, fact, fact.type, fact.error)
            return
        if type(fact.event) not in self._types:
            return
        if stream_key in self._parked_keys:
            self._park(stream_key, fact, type(fact.event).__name__, None)
            return
        try:
            keys = list(self._projection.keys(fact.event))
        except Exception as error:
            self._park(stream_key, fact, type(fact.event).__name__, _told(error))
            return
        for key in keys:
            if self._only_key is not None and key_text(key) != self._only_key:
                continue
            if self._skipped and (key_text(key), fact.position) in self._skipped:
                continue
            if self._parked_keys and key_text(key) in self._parked_keys:
                self._park(key_text(key), fact, type(fact.event).__name__, None)
            else:
                self.touched.setdefault(key, []).append(fact)

    def fold(self, before: dict[Key, Any]) -> None:
        for key, facts in self.touched.items():
            old = row = before.get(key)
            for place, fact in enumerate(facts):
                try:
                    row = self._projection.evolve(row, fact, key)
                except Exception as error:
                    self.park_from(key, facts[place:], error)
                    break
            if row is not None and row != old:
                self.written[key] = row
            elif row is None and old is not None:
                self.deleted.append(key)

    def park_from(self, key: Key, facts: Sequence[Recorded], error: Exception) -> None:
        """The first of these facts failed; the others wait behind it."""
        text = key_text(key)
        told: str | None = _told(error)
        for fact in facts:
            self._park(text, fact, type(fact.event).__name__, told)
            told = None

    def _park(self, key: str, fact: Recorded | Unread, type_name: str, error: str | None) -> None:
        self._parked_keys.add(key)
        self.parked.append(Parked(key, fact.position, fact.stream, fact.version, type_name, error))
        if error is not None:
            log.error("fact_parked", projection=self._projection.name, key=key, position=fact.position, error=error)


async def _write(connection: Connection, table: ReadTable[Any], page: _Page) -> None:
    try:
        async with connection.transaction():
            await table.write(connection, list(page.written.values()))
            await table.delete(connection, page.deleted)
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
        # One row does not fit its table. Each alone, those that do not fit are found, and only they wait.
        for key, row in page.written.items():
            try:
                async with connection.transaction():
                    await table.write(connection, [row])
            except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
                page.park_from(key, page.touched[key], error)
        await table.delete(connection, page.deleted)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:ERROR_CHARACTERS_MAX]
