"""Brings an archived part of the book back from its file: all of its facts as they were, or nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice
from pathlib import Path

import asyncpg

from events.archive import FactsRestored
from events.store import Append, Metadata
from infrastructure.archive.form import Damaged, FactLine, Line, read_lines
from infrastructure.archive.judging import Checked, FileJudge, Unsound, check_file
from infrastructure.archive.partitions import Partition, exchange, make_next, open_workshop, partitions
from infrastructure.database import Connection
from infrastructure.keyring import Keyring

COPIED_AT_ONCE = 50_000
SLICE_LINES = 1_000

COLUMNS = (
    "position", "stream", "version", "type", "schema_version", "id", "occurred_at", "recorded_at", "metadata", "body",
)  # fmt: skip
FORGET = "DELETE FROM archives WHERE file = $1 AND sha256 = $2 AND first_position = $3 AND last_position = $4"

_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


class NotArchived(Exception):
    """The book has no part that was put into this file."""


OnProgress = Callable[[int, int], None]


async def restore(
    url: str,
    keyring: Keyring,
    path: Path,
    *,
    by: str = "cli",
    on_progress: OnProgress = lambda done, there: None,
) -> Checked:
    """Load the file into a table of its own, judge it on the way, and put that in the place of what has stayed.

    Raises NotArchived, Unsound, Busy, or OSError where the file cannot be read."""
    async with open_workshop(url) as connection:
        partition = await _partition_of(connection, path.name)
        table = await make_next(connection, partition)
        try:
            checked = await _load(connection, partition, path, keyring, on_progress)
            if not checked.sound:
                raise Unsound(checked)
            await _check_kept(connection, partition, table)
            await _put_back(connection, partition, checked, by)
        except BaseException:
            await connection.execute(f"DROP TABLE IF EXISTS {partition.next_table}")
            raise
    return checked


async def _partition_of(connection: Connection, file: str) -> Partition:
    row = await connection.fetchrow("SELECT first_position, last_position FROM archives WHERE file = $1", file)
    if row is None:
        raise NotArchived(f"no part of this book is in an archive named {file}")
    for partition in await partitions(connection):
        if (partition.first, partition.last) == tuple(row):
            return partition
    raise NotArchived(f"the table of facts has no part for positions {row[0]} to {row[1]}")


async def _load(
    connection: Connection, partition: Partition, path: Path, keyring: Keyring, on_progress: OnProgress
) -> Checked:
    judge, lines = FileJudge(path.name, keyring), read_lines(path)
    done = 0
    try:
        while True:
            # In parts, so that no transaction is long.
            copied = await connection.copy_to_table(partition.next_table, source=_rows(lines, judge), columns=COLUMNS)
            if copied == "COPY 0":
                break
            done += int(copied.rpartition(" ")[2])
            on_progress(done, partition.last - partition.first + 1)
    except Damaged as damaged:
        judge.damaged(damaged)
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as refused:
        checked = await check_file(path, keyring, connection)  # whatever the table refuses, no seal covers it
        if checked.sound:
            raise refused
        return checked
    await connection.execute(f"ANALYZE {partition.next_table}")
    return await judge.finish(connection)


async def _rows(lines: Iterator[Line], judge: FileJudge) -> AsyncIterator[bytes]:
    """The next facts, judged, as COPY takes them."""
    for _ in range(COPIED_AT_ONCE // SLICE_LINES):
        taken, rows = await asyncio.to_thread(_slice, lines, judge)
        if rows:
            yield rows
        if not taken:
            return


def _slice(lines: Iterator[Line], judge: FileJudge) -> tuple[int, bytes]:
    taken = list(islice(lines, SLICE_LINES))
    for line in taken:
        judge.take(line)
    return len(taken), "".join([_row(line) for line in taken if isinstance(line, FactLine)]).encode()


def _row(fact: FactLine) -> str:
    stream, type_name = fact.stream.translate(_ESCAPES), fact.type.translate(_ESCAPES)
    metadata, body = fact.metadata.translate(_ESCAPES), fact.body.translate(_ESCAPES)
    return (
        f"{fact.position}\t{stream}\t{fact.version}\t{type_name}\t{fact.schema_version}\t{fact.id}"
        f"\t{fact.occurred_at}\t{fact.recorded_at}\t{metadata}\t{body}\n"
    )


async def _check_kept(connection: Connection, partition: Partition, table: str) -> None:
    """What has stayed must be among what comes back. Raises NotArchived."""
    other = await connection.fetchval(
        f"""SELECT min(k.position) FROM {partition.table} k
            WHERE NOT EXISTS (SELECT FROM {table} n WHERE n.position = k.position AND n.id = k.id
                AND n.body::text = k.body::text AND n.stream = k.stream AND n.version = k.version)"""
    )
    if other is not None:
        raise NotArchived(f"the fact that the book has at position {other} is not the one in the file")


async def _put_back(connection: Connection, partition: Partition, checked: Checked, by: str) -> None:
    async def settle() -> Append:
        span = partition.first, partition.last
        if await connection.execute(FORGET, checked.file, checked.sha256, *span) != "DELETE 1":
            raise NotArchived(f"{checked.file} is not the file that was archived")
        told = FactsRestored(checked.file, *span)
        return Append([told], metadata=Metadata(actor=by, command="restore"))

    async def nothing() -> None:
        """There is nothing to prepare: nobody writes into either table."""

    await exchange(connection, partition, settle, nothing)
