"""Takes full, settled parts of the book out into files. Nothing leaves the database before its file has been judged.

What stays of a part: every fact of a stream that goes on, and the last fact of each that does not, so that whoever
reads it sees that there was more.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from events import ECHOES, LAST_WORDS
from events.archive import FactsArchived
from events.evolution import Evolution
from events.store import Append, Metadata
from infrastructure.archive.form import FORMAT, FORMAT_VERSION, HeaderLine, SealLine, Writer
from infrastructure.archive.judging import Checked, Unsound, check_file
from infrastructure.archive.partitions import (
    Partition,
    Settled,
    exchange,
    make_next,
    open_workshop,
    partitions,
    settled,
)
from infrastructure.database import Connection
from infrastructure.keyring import Keyring
from infrastructure.seal import SEAL_COLUMNS, Seal, facts_between

PAGE_FACTS = 4_096
KEPT_AT_ONCE = 50_000
FEW_FACTS = 500
"""What has been appended since may be looked through with the appends held up, if it is not more than this."""

SEALS = f"""SELECT {SEAL_COLUMNS}, digests FROM seals
    WHERE last_position >= $1 AND first_position <= $2 AND number > $3 ORDER BY number LIMIT 16"""
SEAL_BEFORE = f"SELECT {SEAL_COLUMNS} FROM seals WHERE last_position < $1 ORDER BY last_position DESC LIMIT 1"
ARCHIVED = "SELECT first_position FROM archives"
ADD = """INSERT INTO archives (first_position, last_position, file, sha256, facts, kept, recorded_to, archived_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
HEAD = "SELECT position FROM head"


@dataclass(frozen=True, slots=True)
class Made:
    """An archive, and how many of its facts have stayed in the book."""

    path: Path
    checked: Checked
    kept: int


class Unsealed(Exception):
    """The part of the book is not covered by seals as a whole."""


class Unsettled(Exception):
    """Someone has begun to read from before the end of this part while it was being archived."""


OnStep = Callable[[Partition, str], None]


async def ripe(connection: Connection, to_position: int | None = None) -> tuple[list[Partition], Settled]:
    """The parts that can be archived, in order, and how far everything is settled."""
    reached = await settled(connection)
    limit = reached.position if to_position is None else min(reached.position, to_position)
    archived = {row[0] for row in await connection.fetch(ARCHIVED)}
    found = await partitions(connection)
    return [each for each in found if each.last <= limit and each.first not in archived], reached


async def create(
    url: str,
    keyring: Keyring,
    directory: Path,
    *,
    to_position: int | None = None,
    by: str = "cli",
    on_step: OnStep = lambda partition, step: None,
) -> AsyncIterator[Made]:
    """Archive every part that is ripe, one after the other; what is stopped in between is taken up by the next run.

    Raises Busy, Unsound, Unsealed, Unsettled, or OSError where the file cannot be written."""
    await asyncio.to_thread(directory.mkdir, 0o700, True, True)
    async with open_workshop(url) as connection:
        for partition in (await ripe(connection, to_position))[0]:
            path = directory / f"facts-{partition.first}-{partition.last}.ndjson.gz"
            on_step(partition, "writing")
            checked = await _written(connection, partition, path, keyring, on_step)
            on_step(partition, "keeping")
            yield Made(path, checked, await _replaced(connection, partition, checked, by))


async def _written(
    connection: Connection, partition: Partition, path: Path, keyring: Keyring, on_step: OnStep
) -> Checked:
    """Write the file and read it back; it has its name only when it is known to be good."""
    part = path.with_name(f".{path.name}.part")
    try:
        await _write(connection, partition, part)
        on_step(partition, "checking")
        checked = await check_file(part, keyring, connection, name=path.name)
        if not checked.sound:
            raise Unsound(checked)
        if await asyncio.to_thread(path.exists):
            present = await check_file(path, keyring, connection)
            if present.sha256 != checked.sha256 or not present.sound:
                raise FileExistsError(17, "another archive of these facts, or a damaged one, is in the way", str(path))
        await asyncio.to_thread(_name, part, path)
    finally:
        await asyncio.to_thread(part.unlink, True)
    return checked


async def _write(connection: Connection, partition: Partition, path: Path) -> None:
    row = await connection.fetchrow(SEAL_BEFORE, partition.first)
    before = None if row is None else Seal.from_row(row)
    # The first seal may begin in the part before; this is the one before that.
    header = HeaderLine(
        FORMAT, FORMAT_VERSION, partition.first, partition.last, None if before is None else SealLine.of(before)
    )
    writer, after, number = await asyncio.to_thread(Writer, path, header), partition.first - 1, 0
    try:
        while rows := await connection.fetch(SEALS, partition.first, partition.last, number):
            for row in rows:
                seal, number = Seal.from_row(row), row["number"]
                await asyncio.to_thread(writer.seal, seal, row["digests"])
                until = min(seal.last, partition.last)
                while facts := await facts_between(connection, after, until, PAGE_FACTS):
                    await asyncio.to_thread(writer.facts, facts)
                    after = facts[-1]["position"]
        if after != partition.last:
            raise Unsealed(f"the seals cover the facts up to position {after}, not to {partition.last}")
        await asyncio.to_thread(writer.end)
    finally:
        await asyncio.to_thread(writer.close)


async def _replaced(connection: Connection, partition: Partition, checked: Checked, by: str) -> int:
    """Put what stays in the place of the partition; how many facts that is."""
    keeping = Keeping(connection, partition)
    await make_next(connection, partition)
    await keeping.keep()
    await connection.execute(f"ANALYZE {partition.next_table}")
    kept = 0

    async def settle() -> Append:
        nonlocal kept
        kept = keeping.kept + (await keeping.keep_moved())[0]
        if (reached := await settled(connection)).position < partition.last:
            raise Unsettled(f"{reached.by} stands at position {reached.position}, before {partition.last}")
        last = f"SELECT recorded_at FROM {partition.table} WHERE position = $1"
        recorded_to, span = await connection.fetchval(last, partition.last), (partition.first, partition.last)
        await connection.execute(ADD, *span, checked.file, checked.sha256, checked.facts, kept, recorded_to, by)
        told = FactsArchived(checked.file, *span, checked.facts, kept, checked.sha256)
        return Append([told], metadata=Metadata(actor=by, command="archive"))

    await exchange(connection, partition, settle, keeping.catch_up)
    return kept


class Keeping:
    """Fills the next table with what stays of a partition. A stream that had ended may go on at any time: then it does
    not end in this partition any more, and is kept as a whole."""

    def __init__(self, connection: Connection, partition: Partition) -> None:
        self._connection, self._partition = connection, partition
        self._seen = 0
        self.kept = 0

    async def keep(self) -> None:
        self._seen = await self._connection.fetchval(HEAD)
        table, first, end = self._partition.table, self._partition.first, self._partition.last
        last_words, echoes = _names(LAST_WORDS), _names(ECHOES)
        # Look-ups by index for each fact, whatever the planner thinks of the tables: this is run for many small parts.
        keep = f"""INSERT INTO {self._partition.next_table} SELECT o.* FROM {table} o WHERE o.position BETWEEN $1 AND $2
            AND (SELECT (SELECT n.type = ANY ($3::text[]) OR n.type = ANY ($4::text[]) AND EXISTS (
                                SELECT FROM {table} e WHERE e.stream = s.stream AND e.type = ANY ($3::text[]))
                           FROM {table} n WHERE n.stream = s.stream AND n.version = s.version)
                   FROM streams s WHERE s.stream = o.stream AND s.version > o.version) IS NOT TRUE"""
        for start in range(first, end + 1, KEPT_AT_ONCE):
            until = min(start + KEPT_AT_ONCE - 1, end)
            self.kept += _count(await self._connection.execute(keep, start, until, last_words, echoes))

    async def catch_up(self) -> None:
        """Until so few facts are left to look through that it can be done while appends wait."""
        behind = FEW_FACTS + 1
        while behind > FEW_FACTS:
            kept, head = await self.keep_moved()
            self.kept, self._seen, behind = self.kept + kept, head, head - self._seen

    async def keep_moved(self) -> tuple[int, int]:
        """Keep the streams that have gone on since; how many facts that was, and the head up to which was looked."""
        head: int = await self._connection.fetchval(HEAD)
        moved = f"""INSERT INTO {self._partition.next_table} SELECT o.*
              FROM (SELECT DISTINCT stream FROM facts WHERE position > $1 AND position <= $2) moved
             CROSS JOIN LATERAL (SELECT * FROM {self._partition.table} WHERE stream = moved.stream OFFSET 0) o
                ON CONFLICT (position) DO NOTHING"""
        return _count(await self._connection.execute(moved, self._seen, head)), head


def _names(events: Iterable[type]) -> list[str]:
    return sorted(Evolution().stored_names([event.__name__ for event in events]))


def _count(status: str) -> int:
    return int(status.rpartition(" ")[2])


def _name(part: Path, path: Path) -> None:
    """Give the file its name, which is on disk when this returns."""
    part.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
