"""Folding a page of facts into a read table: rows are read, folded, and written back, those that do not fit apart."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import asyncpg

from events import Event
from events.store import Fact
from infrastructure.codec import Unread
from infrastructure.database import Connection, Pool
from infrastructure.fold import Fold, Parked
from infrastructure.read_table import ReadTable
from projections.projection import Key, Projection

# What the database says of a row that does not fit its table.
MISFIT = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)

ROWS_KEPT = 500
"""Of one projection, in memory between its pages."""
NOTHING_KNOWN: Mapping[Key, Any] = {}


class RowCache(Protocol):
    """Where rows are kept for readers in a hurry. Must not raise."""

    async def changed(self, kind: str, keys: Sequence[Key], position: int) -> None:
        """To be noted after the commit; readers notice once it is told."""

    @property
    def has_untold(self) -> bool: ...

    async def tell(self) -> None:
        """Tell what was noted; what cannot be told now is still to be told."""


async def fold_page(
    connection: Connection,
    projection: Projection[Any],
    table: ReadTable[Any],
    facts: Sequence[Fact[Event] | Unread],
    parked_keys: Collection[str],
    *,
    only_key: str | None = None,
    skipped: Collection[tuple[str, int]] = (),
) -> "Folded":
    """Fold and write inside the caller's transaction; with `only_key` (as `key_text` writes it) into that row alone.

    `skipped` are keys and positions that someone has decided to leave out.

    Raises asyncpg's errors if the database itself fails."""
    fold = Fold(projection, parked_keys, only_key=only_key, skipped=skipped)
    folded = await fold_rows(connection, fold, table, facts)
    try:
        async with connection.transaction():
            await folded.write(connection)
    except MISFIT:
        await folded.write_each(connection)
    return folded


async def fold_rows(
    connection: Pool | Connection,
    fold: Fold,
    table: ReadTable[Any],
    facts: Sequence[Fact[Event] | Unread],
    known: Mapping[Key, Any] = NOTHING_KNOWN,
) -> "Folded":
    """Fold into rows as they are in the table now, and write nothing. `known` is what need not be looked up there."""
    touched = fold.sorted(facts)
    if not touched:
        return Folded(fold, table, touched, {}, {})
    before: dict[Key, Any] = {}
    if not fold.projection.journal:
        if unknown := touched.keys() - known.keys():
            before = await table.fetch(connection, unknown)
        before |= {key: row for key in touched if (row := known.get(key)) is not None}
    await asyncio.sleep(0)  # a long fold must not hold up the appends of a process that serves requests too
    return Folded(fold, table, touched, before, fold.folded(touched, before))


@dataclass(frozen=True, slots=True)
class Folded:
    """What a page has led to. Rows are None where there is none."""

    fold: Fold
    table: ReadTable[Any]
    touched: Mapping[Key, Sequence[Fact[Event]]]
    before: Mapping[Key, Any]
    changed: Mapping[Key, Any]

    @property
    def parked(self) -> Sequence[Parked]:
        return self.fold.parked

    @property
    def shown(self) -> bool:
        """Whether lists that show these rows look different now; they do if rows come or go."""
        projection = self.fold.projection
        shown = projection.shown
        if projection.listed_as is None or shown is None:
            return projection.listed_as is not None and bool(self.changed)
        for key, row in self.changed.items():
            old = self.before.get(key)
            if row is None or old is None or shown(row) != shown(old):
                return True
        return False

    def remembered(self, rows: dict[Key, Any]) -> None:
        """Once this is written: add to `rows` what the next page may go on from. Of very many the oldest are let go."""
        for key in () if self.fold.projection.journal else self.touched:
            rows.pop(key, None)
            rows[key] = self.changed.get(key, self.before.get(key))
        for key in list(islice(rows, max(0, len(rows) - ROWS_KEPT))):
            del rows[key]

    async def write(self, connection: Connection) -> None:
        """Raises one of MISFIT, and then the caller's transaction is lost."""
        if self.changed:
            await self.table.write(connection, self.changed, self.before)

    async def write_each(self, connection: Connection) -> None:
        """Where one row does not fit its table: each alone, those that do not fit are found, and only they wait."""
        for key, row in self.changed.items():
            try:
                async with connection.transaction():
                    await self.table.write(connection, {key: row}, self.before)
            except MISFIT as error:
                self.fold.park_from(key, self.touched[key], error)
