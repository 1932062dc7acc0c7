"""Folding many pages in memory before their rows are written: for a table that nobody reads yet.

A row that is touched again and again is fetched once and written once. What stays in memory is bounded by rows, not
by the length of the book.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from events import Event
from events.store import Fact
from infrastructure.codec import Unread
from infrastructure.database import Connection
from infrastructure.event_store import Share
from infrastructure.fold import Fold
from infrastructure.parking import park, parked_keys, skipped_facts
from infrastructure.read_table import ReadTable
from infrastructure.scrubbing import forgotten_in, scrub
from projections.projection import Key, Projection

ROWS_KEPT = 20_000
ROWS_UNWRITTEN_MAX = 20_000


class BulkFold:
    """Rows of one table as far as they are in memory. `take` pages, and `write` before too much is unwritten."""

    def __init__(
        self, projection: Projection[Any], table: ReadTable[Any], name: str, share: Share | None = None
    ) -> None:
        """`name` is that of the checkpoint, under which keys are parked. Shares also share the memory."""
        self._projection, self._table, self._name, self._share = projection, table, name, share
        self._kept, self._unwritten_max = ROWS_KEPT, ROWS_UNWRITTEN_MAX
        if share is not None:
            self._kept, self._unwritten_max = ROWS_KEPT // share.of, ROWS_UNWRITTEN_MAX // share.of
        self._fold = Fold(projection, ())
        self._rows: dict[Key, Any] = {}
        """Those last touched stand last; None for a key that has no row."""
        self._there: set[Key] = set()
        """Which of them have a row in the table."""
        self._unwritten: dict[Key, Any] = {}
        self._forgotten: set[str] = set()

    async def open(self, connection: Connection) -> None:
        """Learn what is parked and skipped; nothing is in memory after that."""
        parked = await parked_keys(connection, self._name)
        self._fold = Fold(self._projection, parked, skipped=await self._skipped(connection))
        self._rows, self._there, self._unwritten, self._forgotten = {}, set(), {}, set()

    @property
    def is_full(self) -> bool:
        return len(self._unwritten) >= self._unwritten_max

    async def take(self, connection: Connection, facts: Sequence[Fact[Event] | Unread]) -> None:
        touched = self._fold.sorted(facts)
        unknown = () if self._projection.journal else [key for key in touched if key not in self._rows]
        if unknown:
            found = await self._table.fetch(connection, unknown)
            self._rows |= found
            self._there |= found.keys()
        changed = self._fold.folded(touched, self._rows)
        for key in touched:
            row = self._rows.pop(key, None)
            self._rows[key] = changed.get(key, row)
        self._unwritten |= changed
        if forgotten := forgotten_in(facts):
            self._scrub(frozenset(forgotten))

    async def write(self, connection: Connection) -> None:
        """All that is unwritten, inside the caller's transaction; if that fails, `open` again before going on.

        Raises what `ReadTable.write` raises."""
        await self._table.write(connection, self._unwritten, self._there)
        await scrub(connection, self._projection, self._forgotten, self._table.name, self._share)
        self._forgotten = set()
        await park(connection, self._name, self._fold.parked)
        self._fold.parked = []
        self._fold.skipped = await self._skipped(connection)
        for key, row in self._unwritten.items():
            if row is None:
                self._there.discard(key)
            else:
                self._there.add(key)
        self._unwritten = {}
        self._let_go()

    def _scrub(self, persons: frozenset[str]) -> None:
        """Rows in memory now, those in the table when it is written."""
        self._forgotten |= persons
        personal, person = self._projection.personal, self._projection.person
        for key, row in self._rows.items():
            if row is not None and getattr(row, person) in persons:
                self._rows[key] = self._unwritten[key] = row._replace(**personal)

    def _let_go(self) -> None:
        """Of the rows that have not been touched for longest."""
        for key in list(islice(self._rows, max(0, len(self._rows) - self._kept))):
            del self._rows[key]
            self._there.discard(key)

    async def _skipped(self, connection: Connection) -> frozenset[tuple[str, int]]:
        return frozenset(await skipped_facts(connection, self._projection.name))
