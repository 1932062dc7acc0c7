"""Seals the book behind its head: groups of facts are hashed, chained and signed by one worker at a time.

Appends never wait for it. The seals of a page and the checkpoint are written in one transaction, fenced by the epoch
of the lease, as the rows of a projection are.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from events.store import EventStore
from infrastructure.database import UNREACHABLE, Pool
from infrastructure.keyring import Keyring
from infrastructure.leases import RENEW_EVERY_S, Lease, LeaseLost, Leases
from infrastructure.positions import HEAD, Positions
from infrastructure.seal import NOTHING, SEAL_COLUMNS, Seal, chained, digest, facts_between, leaves, merkle_root

NAME = "seal"
SEAL_FACTS = 1_024
PAGE_SEALS = 8
SLICE_FACTS = 128
POLL_S = 1.0
RETRY_S = 5.0

LAST_SEAL = f"SELECT {SEAL_COLUMNS} FROM seals ORDER BY number DESC LIMIT 1"
_ADD = """INSERT INTO seals (number, first_position, last_position, root, chain, previous, sealed_at, key_id, signature,
        digests) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"""

log = structlog.get_logger(__name__)


class Unsealable(Exception):
    """The book is not what the seals so far say, so nothing is built on it. `daybook verify` tells more."""


class Sealer:
    """Any number may run in any number of processes; the one with the lease works."""

    def __init__(
        self,
        pool: Pool,
        store: EventStore,
        positions: Positions,
        keyring: Keyring,
        *,
        owner: str,
        within_s: float = 5.0,
        seal_facts: int = SEAL_FACTS,
    ) -> None:
        """A fact waits at most `within_s` for its seal, or until `seal_facts` are there. The keyring can sign."""
        self._pool, self._store, self._positions, self._keyring = pool, store, positions, keyring
        self._within_s, self._seal_facts = within_s, seal_facts
        self._leases = Leases(pool, [NAME], owner)
        self._last: Seal | None = None

    async def run(self) -> None:
        """Until cancelled. A database that is away is waited for, a book that was tampered with is not sealed over."""
        try:
            while True:
                try:
                    await self._run()
                except LeaseLost:
                    log.warning("lease_lost", projections=NAME)
                except UNREACHABLE as error:
                    log.warning("sealer_interrupted", error=str(error))
                    self._leases.give_up()
                except Exception as trouble:
                    await self._failed(trouble)
                    await asyncio.sleep(RETRY_S)
                await asyncio.sleep(POLL_S)
        finally:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._leases.release(), 2)

    async def catch_up(self) -> int:
        """Seal everything up to the present head, once; how many facts that were. For tools that run no worker.

        Raises Unsealable, or LeaseLost when another worker is at it."""
        await self._leases.prepare()
        await self._leases.take()
        if NAME not in self._leases.held:
            raise LeaseLost(NAME)
        try:
            lease, head = self._leases.held[NAME], await self._store.head()
            await self._resume(lease)
            before = lease.position
            while lease.position < head:
                await self._seal_page(lease, head)
            return head - before
        finally:
            await self._leases.release()

    async def _run(self) -> None:
        await self._leases.prepare()
        await self._leases.take()
        while NAME not in self._leases.held:
            await asyncio.sleep(POLL_S)
            await self._leases.take()
        lease, loop = self._leases.held[NAME], asyncio.get_running_loop()
        await self._resume(lease)
        renew_at, due_at = loop.time() + RENEW_EVERY_S, None
        while True:
            if loop.time() >= renew_at:
                await self._leases.take()
                if self._leases.held.get(NAME) is not lease:
                    raise LeaseLost(NAME)
                renew_at = loop.time() + RENEW_EVERY_S
            waiting = await self._store.head() - lease.position
            if waiting >= self._seal_facts:
                await self._seal_page(lease, lease.position + waiting - waiting % self._seal_facts)
            elif waiting and due_at is not None and loop.time() >= due_at:
                await self._seal_page(lease, lease.position + waiting)
            else:
                if waiting and due_at is None:
                    due_at = loop.time() + self._within_s
                until = min(due_at or renew_at, renew_at)
                goal = lease.position + (self._seal_facts if waiting else 1)
                await self._positions.reach(HEAD, goal, min(POLL_S, max(0.0, until - loop.time())))
                continue
            due_at = None

    async def _failed(self, trouble: Exception) -> None:
        """Say in the log, and on the checkpoint row for `/health/ready` and whoever looks, why nothing is sealed."""
        known = isinstance(trouble, Unsealable)
        log.error("not_sealing", reason=str(trouble), exc_info=None if known else trouble)
        if (lease := self._leases.held.get(NAME)) is not None:
            try:
                await self._leases.failed(lease, str(trouble) if known else f"{type(trouble).__name__}: {trouble}")
            except Exception as error:  # a read-only database, for one: it must not end the sealing for good
                log.warning("sealer_interrupted", error=str(error))

    async def _resume(self, lease: Lease) -> None:
        """Find the last seal, on which the next one stands. Raises Unsealable."""
        row = await self._pool.fetchrow(LAST_SEAL)
        self._last = None if row is None else Seal.from_row(row)
        sealed = 0 if self._last is None else self._last.last
        if self._last is not None and not self._keyring.holds(self._last):
            raise Unsealable(
                f"seal {self._last.number} is not signed by a key of ours ({self._last.key_id}): "
                "it is forged, or DAYBOOK_RETIRED_SEALING_KEYS lacks the key that was used before"
            )
        if sealed < lease.position:
            raise Unsealable(f"the facts up to {lease.position} were sealed, the seals that are left end at {sealed}")
        if sealed > lease.position:  # the checkpoint is behind, which loses nothing
            async with self._pool.acquire() as connection, connection.transaction():
                await self._leases.advance(connection, [lease], sealed)
            lease.position = sealed

    async def _seal_page(self, lease: Lease, until: int) -> None:
        """Seal from the checkpoint on up to `until`, as far as a page goes. Raises Unsealable or LeaseLost."""
        limit, started = self._seal_facts * PAGE_SEALS, time.monotonic()
        facts = await facts_between(self._pool, lease.position, until, limit)
        _check_contiguous(facts, lease.position, min(until, lease.position + limit))
        digests: list[bytes] = []
        for start in range(0, len(facts), SLICE_FACTS):
            digests += map(digest, facts[start : start + SLICE_FACTS])
            await asyncio.sleep(0)  # appends of a process that serves requests too must not wait for a page
        last, seals = self._last, []
        for start in range(0, len(digests), self._seal_facts):
            group = digests[start : start + self._seal_facts]
            last, at = self._sealed(last, lease.position + 1 + start, group)
            seals.append(_row(last, at, group))
            await asyncio.sleep(0)
        assert last is not None
        async with self._pool.acquire() as connection, connection.transaction():
            rate = len(facts) / (time.monotonic() - started)
            await self._leases.advance(connection, [lease], last.last, rate)  # first: whoever is late must stop here
            await connection.executemany(_ADD, seals)
        lease.position, self._last = last.last, last
        self._positions.advance(NAME, last.last)

    def _sealed(self, previous: Seal | None, first: int, digests: Sequence[bytes]) -> tuple[Seal, datetime]:
        nodes, at = leaves(first, digests), datetime.now(UTC)
        seal = Seal(
            number=1 if previous is None else previous.number + 1,
            first=first,
            last=first + len(digests) - 1,
            root=merkle_root(nodes),
            chain=chained(NOTHING if previous is None else previous.chain, nodes),
            previous=NOTHING if previous is None else previous.hash(),
            sealed_at=at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            key_id=self._keyring.key_id,
        )
        return self._keyring.signed(seal), at


def _row(seal: Seal, at: datetime, digests: Sequence[bytes]) -> tuple[Any, ...]:
    hashes = seal.root, seal.chain, seal.previous
    return seal.number, seal.first, seal.last, *hashes, at, seal.key_id, seal.signature, b"".join(digests)


def _check_contiguous(facts: Sequence[Any], after: int, until: int) -> None:
    expected = after + 1
    for fact in facts:
        if fact["position"] != expected:
            break
        expected += 1
    if expected <= until:
        raise Unsealable(f"the fact at position {expected} is missing")
