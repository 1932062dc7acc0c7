"""Plays a schedule on a real database, with several stores as processes have them, while readers tail the book."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import asyncpg

from events.claim import NameClaimed
from events.store import Append, Appended, AppendRefused, Conflict, IdempotencyKey, Recorded, StoreBusy, Unacknowledged
from infrastructure.database import connect
from infrastructure.event_store import PostgresEventStore
from tests.integration.book import open_store
from tests.properties.schedules import STORES, Planned, Schedule

PATIENCE_S = 30.0
DAWDLE_S = 0.02
# A fact says itself where its transaction has to sleep.
_DAWDLE = f"""
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep({DAWDLE_S}); RETURN NULL; END';
CREATE TRIGGER dawdle_at_insert AFTER INSERT ON facts
    FOR EACH ROW WHEN (NEW.body ->> 'owner' LIKE '% insert') EXECUTE FUNCTION dawdle();
CREATE CONSTRAINT TRIGGER dawdle_at_commit AFTER INSERT ON facts DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.body ->> 'owner' LIKE '% commit') EXECUTE FUNCTION dawdle();
"""
_CUT = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
    AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%append_facts(%'"""

Outcome = Appended | Conflict | AppendRefused | StoreBusy | Unacknowledged


@dataclass(frozen=True, slots=True)
class Tried:
    """An append and its last answer; `known` is how far the book was for certain when it was asked first."""

    append: Append
    outcome: Outcome
    again: Outcome | None
    known: int
    visible: bool
    """Whether another store showed the position at once."""


@dataclass
class History:
    """All that happened in one play, seen from outside."""

    start: int
    tried: list[Tried] = field(default_factory=list)
    tails: list[list[int]] = field(default_factory=list)
    """The positions that each reader saw, in the order in which it saw them."""
    endless: bool = False
    """Whether a reader never came to the end of the book."""
    book: Sequence[Recorded] = ()


@dataclass
class Stage:
    stores: list[PostgresEventStore]
    admin: asyncpg.Connection

    async def play(self, schedule: Schedule) -> History:
        name, history, stop = uuid4().hex[:12], History(await self.stores[0].head()), asyncio.Event()
        reading = [asyncio.create_task(self._tail(n, history, stop)) for n in (0, 1)]
        cutting = asyncio.create_task(self._cut(schedule.cuts_ms))
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(
                *(
                    self._write(f"{name}.{n}", name, appends, where, history)
                    for n, (appends, where) in enumerate(zip(schedule.writers, schedule.stores, strict=True))
                )
            )
            await cutting
        stop.set()
        _, endless = await asyncio.wait(reading, timeout=PATIENCE_S / 3)
        history.endless = bool(endless)
        for reader in endless:
            reader.cancel()
        await asyncio.gather(*reading, return_exceptions=history.endless)
        history.book = await self.stores[0].read_all(history.start, limit=100_000)
        return history

    async def _write(self, who: str, name: str, appends: Sequence[Planned], where: int, history: History) -> None:
        store, other = self.stores[where], self.stores[(where + 1) % STORES]
        for n, planned in enumerate(appends):
            known = await other.head()
            append = await self._append(f"{who}.{n}", name, planned, store)
            outcome = await _answer(store, append)
            visible = not isinstance(outcome, Appended) or await other.head() >= outcome.position
            again = await _answer(other, append) if append.key and isinstance(outcome, Appended) else None
            history.tried.append(Tried(append, outcome, again, known, visible))

    async def _append(self, tag: str, name: str, planned: Planned, store: PostgresEventStore) -> Append:
        facts: list[NameClaimed] = []
        for stream, count in planned.facts:
            for _ in range(count):
                dawdling = planned.dawdling if not facts else None
                facts.append(NameClaimed(f"{name}-{stream}", f"{tag} {len(facts)} {dawdling or ''}"))
        written = {f"claim-{name}-{stream}" for stream, _ in planned.facts}
        guarded = {f"claim-{name}-{stream}" for stream in planned.guards}
        named = guarded if planned.expecting == "any" else guarded | written
        expected = dict(sorted((await store.versions(named)).items()))
        if planned.expecting == "stale":
            expected = {stream: max(version - 1, 0) for stream, version in expected.items()}
        key = IdempotencyKey(tag, b"hash", tag.encode()) if planned.keyed else None
        return Append(facts, expected, key=key)

    async def _tail(self, where: int, history: History, stop: asyncio.Event) -> None:
        """As a projection or a listener does: on from what was seen last, and nothing else."""
        seen: list[int] = []
        history.tails.append(seen)
        last, limit = history.start, 3 + 40 * where
        while True:
            stopping = stop.is_set()
            page = await self.stores[where].read_page(last, limit=limit, but=["NameReleased"])
            seen += [fact.position for fact in page.facts]
            last = page.end
            if stopping and not page.facts:
                return
            await asyncio.sleep(0.001)

    async def _cut(self, moments_ms: Sequence[int]) -> None:
        before = 0
        for moment in moments_ms:
            await asyncio.sleep((moment - before) / 1_000)
            before = moment
            await self.admin.execute(_CUT)


async def _answer(store: PostgresEventStore, append: Append) -> Outcome:
    """With a key the answer is asked for until it comes, as a client would."""
    while True:
        try:
            return await store.append(append)
        except (Conflict, AppendRefused) as refused:
            return refused
        except (StoreBusy, Unacknowledged) as unsure:
            if append.key is None:
                return unsure
            await asyncio.sleep(0.01)


@asynccontextmanager
async def open_stage(url: str) -> AsyncIterator[Stage]:
    """On a migrated database of the test's own: the triggers that dawdle stay in it."""
    async with AsyncExitStack() as stack:
        admin = await connect(url)
        stack.push_async_callback(admin.close)
        await admin.execute(_DAWDLE)
        yield Stage([await stack.enter_async_context(open_store(url)) for _ in range(STORES)], admin)


@contextlib.contextmanager
def on_stage(url: str) -> Iterator[tuple[asyncio.Runner, Stage]]:
    """For tests that Hypothesis calls, which are not asynchronous."""
    with asyncio.Runner() as runner:
        stage = open_stage(url)
        opened = runner.run(stage.__aenter__())
        try:
            yield runner, opened
        finally:
            runner.run(stage.__aexit__(None, None, None))
