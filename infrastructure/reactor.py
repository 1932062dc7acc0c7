"""Runs a policy: reads the facts that it reacts to and handles the commands that follow.

One worker at a time holds its lease. Reactions run side by side; the checkpoint stays behind the oldest one that is
not finished, so a crash repeats some of them, and every one of them adds nothing when repeated.
"""

import asyncio
import contextlib
import random
from collections.abc import Iterator
from functools import partial

import structlog

from commands.handler import Handler
from commands.policy import Policy, Unavailable
from commands.rejections import Rejected
from events import stream_of
from events.store import EventStore, Metadata, Recorded, StoreBusy, Unacknowledged
from infrastructure.codec import Undecodable, UnknownFact
from infrastructure.database import UNREACHABLE, Pool
from infrastructure.leases import RENEW_EVERY_S, Lease, LeaseLost, Leases
from infrastructure.positions import HEAD, Positions
from infrastructure.watch import Watch

MAX_AT_ONCE = 64
MAX_UNDER_WAY = 10_000
"""Reactions that have not succeeded yet; most of them wait for their next try and keep no other from being made."""
PAGE_FACTS = 500
POLL_S = 1.0
CHECKPOINT_EVERY_S = 0.25
"""A crash repeats what was done since, which adds nothing. A commit for every few facts would hold up other ones."""
READ_EVERY_S = 0.01
"""Most facts are nobody's business here; read after each commit, they would keep the projections waiting."""
LONGEST_PAUSE_S = 30.0
LAST_REACTIONS_S = 30.0
"""So long reactions may take to end before a worker that cannot read the next fact leaves the policy to others."""

log = structlog.get_logger(__name__)


class Reactor:
    """Any number may run in any number of processes; the one with the lease works."""

    def __init__(
        self,
        pool: Pool,
        store: EventStore,
        positions: Positions,
        handler: Handler,
        policy: Policy,
        *,
        owner: str,
        watch: Watch | None = None,
    ) -> None:
        self._pool, self._store, self._positions = pool, store, positions
        self._handler, self._policy, self._name = handler, policy, policy.name
        self._leases = Leases(pool, [policy.name], owner)
        self._types = [fact.__name__ for fact in policy.reacts_to]
        self._watch = watch or Watch()
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._at_once = asyncio.Semaphore(MAX_AT_ONCE)
        self._read_to = 0
        self._counts_from = 0.0

    @property
    def works(self) -> bool:
        """Whether this one has the lease."""
        return self._name in self._leases.held

    async def run(self) -> None:
        """Until cancelled, whatever happens: a database that is away is waited for, a bug is logged and tried again."""
        try:
            while True:
                try:
                    await self._run()
                except LeaseLost:
                    log.warning("lease_lost", projections=self._name)
                except UNREACHABLE as error:
                    log.warning("reactor_interrupted", policy=self._name, error=str(error))
                except Exception as error:
                    log.exception("reactor_interrupted", policy=self._name)
                    await self._let_others(error)
                await self._drop_reactions()
                self._leases.give_up()
                await asyncio.sleep(POLL_S)
        finally:
            await self._drop_reactions()
            self._leases.give_up()
            with contextlib.suppress(Exception):
                async with asyncio.timeout(2):
                    await self._leases.release()

    async def _let_others(self, error: Exception) -> None:
        """Say why it does not go on; a worker of a newer version may well read what this one cannot."""
        if (lease := self._leases.held.get(self._name)) is not None:
            with self._whatever_happens():
                await self._leases.failed(lease, f"{type(error).__name__}: {error}")
        with self._whatever_happens():
            await self._leases.release()

    @contextlib.contextmanager
    def _whatever_happens(self) -> Iterator[None]:
        """What a read-only database refuses, for one, must not end the policy: nobody would begin it again."""
        try:
            yield
        except Exception as error:
            log.warning("reactor_interrupted", policy=self._name, error=str(error))

    async def _run(self) -> None:
        await self._leases.prepare()
        loop = asyncio.get_running_loop()
        while not self.works:
            await self._leases.take()
            if not self.works:
                await asyncio.sleep(POLL_S)
        lease = self._leases.held[self._name]
        self._read_to = lease.position
        renew_at, checkpoint_at, give_up_at = 0.0, loop.time(), 0.0
        self._counts_from = checkpoint_at
        unread: Exception | None = None
        while True:
            if loop.time() >= renew_at:
                await self._leases.take()
                if self._leases.held.get(self._name) is not lease:
                    raise LeaseLost(self._name)
                renew_at = loop.time() + RENEW_EVERY_S
            if unread is None and (unread := await self._read_on()) is not None:
                give_up_at = loop.time() + LAST_REACTIONS_S
            read_again_at = loop.time() + READ_EVERY_S
            if unread is not None and (not self._under_way or loop.time() >= give_up_at):
                await self._checkpoint(lease)
                raise unread
            if loop.time() >= checkpoint_at:
                await self._checkpoint(lease)
                checkpoint_at = loop.time() + CHECKPOINT_EVERY_S
            if not await self._positions.reach(HEAD, self._read_to + 1, POLL_S):
                await self._store.head()
            await asyncio.sleep(read_again_at - loop.time())

    async def _read_on(self) -> Exception | None:
        """Start reactions to new facts, as far as there is room; why the next fact cannot be read, if it cannot."""
        head = self._positions[HEAD] or await self._store.head()
        if not self._types:
            self._read_to = max(head, self._read_to)
        page = PAGE_FACTS
        while self._read_to < head and (room := min(page, MAX_UNDER_WAY - len(self._under_way))) > 0:
            try:
                facts = await self._store.read_all(self._read_to, limit=room, types=self._types)
            except (UnknownFact, Undecodable) as error:
                if room == 1:
                    return error
                page = room // 2
                continue
            for fact in facts:
                task = self._under_way[fact.position] = asyncio.create_task(self._watched(fact))
                task.add_done_callback(partial(self._done, fact.position))
            newest = facts[-1].position if facts else 0
            self._read_to = newest if len(facts) == room else max(head, newest)
        return None

    def _done(self, position: int, task: "asyncio.Task[None]") -> None:
        if self._under_way.get(position) is task:
            del self._under_way[position]

    async def _checkpoint(self, lease: Lease) -> None:
        """The rate is that since the last one; time without any work does not count."""
        now = asyncio.get_running_loop().time()
        reached = min(self._under_way, default=self._read_to + 1) - 1
        if reached > lease.position:
            async with self._pool.acquire() as connection, connection.transaction():
                rate = (reached - lease.position) / max(now - self._counts_from, READ_EVERY_S)
                await self._leases.advance(connection, [lease], reached, rate, repeatable=True)
            lease.position = reached
        elif self._under_way:
            return
        self._counts_from = now

    async def _watched(self, fact: Recorded) -> None:
        async with self._watch.reaction(fact):
            await self._react(fact)

    async def _react(self, fact: Recorded) -> None:
        """Until it is done: nothing is forgotten because the world outside was away for a while."""
        about = log.bind(policy=self._name, position=fact.position, stream=stream_of(fact.event))
        pause = 0.1
        while True:
            try:
                async with self._at_once:
                    if commands := await self._policy.react(fact, self._handler):
                        await self._handler(*commands, metadata=self._caused_by(fact, type(commands[0]).__name__))
                return
            except (Unavailable, StoreBusy, Unacknowledged, *UNREACHABLE) as error:
                about.warning("reaction_delayed", error=str(error))
            except Rejected as refusal:
                about.error("reaction_refused", error=refusal.detail)
                return
            except Exception:
                about.exception("reaction_failed")
            await asyncio.sleep(pause * (0.5 + random.random()))
            pause = min(LONGEST_PAUSE_S, pause * 2)

    async def _drop_reactions(self) -> None:
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._under_way = {}

    def _caused_by(self, fact: Recorded, command: str) -> Metadata:
        origin = fact.metadata
        return Metadata(
            f"system:{self._name}",
            command,
            origin.correlation_id,
            str(fact.id),
            origin.request_id,
            self._watch.traceparent(origin.traceparent),
        )
