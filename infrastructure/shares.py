"""Folding a read table in several processes, each the rows of its own share of the streams.

Python folds on one core, and a row that is made of one stream's facts needs nobody else's. Each process has a
checkpoint of its own, with the epoch of the rebuild: it goes on by itself, and stops at its next write if another
rebuild has begun. When all have come to the same position, their checkpoints become one again. See
docs/adr/0030-rebuilds-on-many-cores.md.
"""

import asyncio
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkProcess
from typing import Any

import structlog

from infrastructure.committer import Committer
from infrastructure.database import PATIENCE_S, Pool, connect, open_pool
from infrastructure.event_store import PostgresEventStore, Share
from infrastructure.filling import Filling, Progress
from infrastructure.leases import RENEW_EVERY_S, Lease, LeaseLost, Leases
from infrastructure.positions import Positions
from infrastructure.read_table import ReadTable
from infrastructure.shadow_table import MOVE_PARKED, hold
from infrastructure.vault import MasterKeys, Vault
from projections.projection import Projection

DIVIDED_FROM = 20_000
"""Facts. For fewer it is not worth while to start processes."""

POOL_SIZE = 3
"""One connection writes, one reads ahead."""
SHORTEST_S = 0.001
_BEGUN = "SELECT name FROM projections WHERE name ~ ('^' || $1 || '_[0-9]+of[0-9]+$')"
_TAKE = """INSERT INTO projections (name, epoch) SELECT name, $2 FROM unnest($1::text[]) AS name
    ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch RETURNING name, position"""
_STAND = "SELECT avg(position)::bigint FROM projections WHERE name = ANY ($1::text[])"
_JOIN = "DELETE FROM projections WHERE name = ANY ($1::text[]) AND position = $2 AND epoch = $3 RETURNING name"

log = structlog.get_logger(__name__)

Book = Callable[[], AbstractAsyncContextManager[tuple[Pool, PostgresEventStore]]]


class ShareFailed(Exception):
    """One of the processes has ended before its time; the log says why. Asked for again, the rebuild goes on."""


@dataclass(frozen=True, slots=True)
class Processes:
    """How many processes fold, and how each opens the book for itself."""

    number: int
    open_book: Book


def reading(
    url: str, masters: MasterKeys | None = None, *, pooled: bool = False, patience_s: float = PATIENCE_S
) -> Book:
    """How a process opens the book at `url`, to read it."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[tuple[Pool, PostgresEventStore]]:
        async with open_pool(url, POOL_SIZE, pooled=pooled, patience_s=patience_s) as pool:
            yield pool, PostgresEventStore(pool, Committer(lambda: connect(url)), Positions(), Vault(masters))

    return opened


def processors() -> int:
    """How many this process may use; one where forking is not safe, as on macOS."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1


async def shares_begun(pool: Pool, shadow: str) -> int:
    """Among how many processes a rebuild was divided that has been interrupted; 0 if there is none to go on with."""
    begun = {name for (name,) in await pool.fetch(_BEGUN, shadow)}
    return len(begun) if begun == set(_names(shadow, len(begun))) else 0


async def fill_in_shares(
    pool: Pool, filling: Filling, leases: Leases, processes: Processes, on_progress: Callable[[Progress], None]
) -> None:
    """Bring the table of `filling`, which stands at 0, up to the present head.

    Raises LeaseLost or ShareFailed. No process outlives this call, nor this process, however it ends."""
    shadow, until = filling.lease, await filling.store.head()
    names = _names(shadow.name, processes.number)
    async with pool.acquire() as connection, connection.transaction():
        await hold(connection, shadow)  # else the shares may be those of someone who has taken over
        stand = dict(map(tuple, await connection.fetch(_TAKE, names, shadow.epoch)))
    fork = multiprocessing.get_context("fork")  # any other way, each would spend half a second on loading modules
    started: list[ForkProcess] = []
    try:
        for number, name in enumerate(names):
            lease, share = Lease(name, stand[name], shadow.epoch), Share(number, processes.number)
            arguments = processes.open_book, filling.projection, filling.table.name, lease, share, until
            started.append(fork.Process(target=_work, args=arguments, name=name, daemon=True))
            started[-1].start()
        await _ended(pool, started, leases, shadow, until, on_progress)
    finally:
        for process in started:
            process.kill()
            process.join()
    async with pool.acquire() as connection, connection.transaction():
        await leases.advance(connection, [shadow], until)
        if len(await connection.fetch(_JOIN, names, until, shadow.epoch)) != len(names):
            raise LeaseLost(", ".join(names))
        await connection.execute(MOVE_PARKED, names, shadow.name)
    shadow.position = until


async def _ended(
    pool: Pool,
    started: Sequence[ForkProcess],
    leases: Leases,
    shadow: Lease,
    until: int,
    on_progress: Callable[[Progress], None],
) -> None:
    """Wait until all of them have done their work, and keep the lease meanwhile."""
    began, names = time.perf_counter(), [process.name for process in started]
    first: int = await pool.fetchval(_STAND, names)
    while running := [process.sentinel for process in started if process.exitcode is None]:
        position: int = await pool.fetchval(_STAND, names)
        rate = (position - first) / max(time.perf_counter() - began, SHORTEST_S)
        on_progress(Progress(position, until, rate, (until - position) / rate if rate else None))
        await asyncio.to_thread(multiprocessing.connection.wait, running, RENEW_EVERY_S)
        await leases.take()
        if leases.held.get(shadow.name) is not shadow:
            raise LeaseLost(shadow.name)
        if failed := [process.name for process in started if process.exitcode]:
            raise ShareFailed(
                f"the process that folded {', '.join(failed)} has ended; asked for again, the rebuild goes on"
            )


def _work(open_book: Book, projection: Projection[Any], table: str, lease: Lease, share: Share, until: int) -> None:
    """What a process does. It shares the terminal with the one that started it, and that one's loop must not hear of
    this one's signals."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Another thread may have been writing to what they were before, with a lock that nobody here will ever release.
    sys.stdout = sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    threading.Thread(target=_end_with_parent, daemon=True).start()

    async def fill() -> None:
        async with open_book() as (pool, store):
            filling = Filling(store, projection, await ReadTable.open(pool, projection, table), lease, share)
            await filling.catch_up(pool, Leases(pool, [lease.name], ""), lambda progress: None, until)

    try:
        asyncio.run(fill())
    except Exception:
        log.exception("share_failed", share=lease.name, position=lease.position)
        sys.exit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _names(shadow: str, of: int) -> list[str]:
    return [f"{shadow}_{number}of{of}" for number in range(1, of + 1)]
