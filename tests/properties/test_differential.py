"""The store in memory and the store on PostgreSQL, given the same histories, cannot be told apart."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events import Event
from events.claim import NameClaimed, NameReleased
from events.store import (
    Append,
    Appended,
    AppendRefused,
    Conflict,
    Escrow,
    EventStore,
    IdempotencyKey,
    Metadata,
    Recorded,
)
from infrastructure.memory_store import MemoryEventStore
from tests.integration.book import flaws, open_store
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE

STREAMS = 3
KEYS = 3
EVIL = ["\0", "\x1e", "\ud800"]


@dataclass(frozen=True)
class Asked:
    """An append before its streams and keys have names. A version is told from the one that the streams have when
    the wave begins; `after` counts back to the append that it claims to build on."""

    facts: tuple[tuple[int, str], ...]
    expected: tuple[tuple[int, int], ...]
    escrows: tuple[tuple[int, Escrow], ...]
    after: int | None
    key: tuple[int, bytes] | None
    actor: str
    occurred_at: datetime | None
    bad: Literal["", "name", "body", "guard", "key", "actor"]
    evil: str


_stream = st.integers(0, STREAMS - 1)
_text = st.text(max_size=6)
_escrow = st.builds(
    Escrow, st.integers(-1, 4), st.integers(-2, 2), st.sampled_from([None, (0, 2**31), (0, 2**31), (0, 2), (3, 2**31)])
)
_asked = st.builds(
    Asked,
    facts=st.lists(st.tuples(_stream, _text), max_size=4).map(tuple),
    expected=st.lists(st.tuples(_stream, st.sampled_from([0, 0, 0, 0, 1, 2, -1, 2**31])), max_size=3).map(tuple),
    escrows=st.lists(st.tuples(_stream, _escrow), max_size=3).map(tuple),
    after=st.none() | st.integers(1, 4),
    key=st.none() | st.tuples(st.integers(0, KEYS - 1), st.sampled_from([b"", b"\0hash"])),
    actor=_text,
    occurred_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    bad=st.sampled_from(["", "", "", "", "", "name", "body", "guard", "key", "actor"]),
    evil=st.sampled_from(EVIL),
)
# Of two with one key asked at once, one is told what the other did: which one is a matter of time, not of the store.
_wave = st.lists(_asked, min_size=1, max_size=6, unique_by=lambda asked: asked.key[0] if asked.key else object())
_waves = st.lists(_wave, min_size=1, max_size=5)


class Told:
    """One store, asked wave after wave; what it answered, in words that do not depend on the store."""

    def __init__(self, store: EventStore, name: str) -> None:
        self._store, self._name = store, name
        self._streams = [f"claim-{name}{n}" for n in range(STREAMS)]
        self._asked: list[Append] = []

    async def all(self, waves: Sequence[Sequence[Asked]]) -> list[Any]:
        start = await self._store.head()
        told: list[Any] = []
        for wave in waves:
            versions = await self._store.versions(self._streams)
            appends = [self._append(each, versions) for each in wave]
            outcomes = await asyncio.gather(*map(self._store.append, appends), return_exceptions=True)
            told.append([_outcome(outcome, start) for outcome in outcomes])
            told.append([append.ticket.stored for append in appends])
        for n in range(KEYS):
            known = await self._store.recall(f"{self._name}{n}")
            told.append(known and (known[0], _outcome(known[1], start)))
        told.append(await self._store.versions(self._streams))
        for facts in (
            await self._store.read(self._streams),
            await self._store.read_all(start, limit=1_000),
            await self._store.read_all(start, limit=3),
            await self._store.read_all(start, limit=1_000, types=["NameReleased"]),
        ):
            told.append([_fact(fact, start) for fact in facts])
        told.append(await self._store.head() - start)
        return told

    def _append(self, asked: Asked, versions: Mapping[str, int]) -> Append:
        bad: dict[str, str] = {asked.bad: asked.evil}
        facts = [self._fact(stream, text + bad.get("name", ""), bad) for stream, text in asked.facts]
        expected = {self._streams[n]: _version(versions[self._streams[n]], by) for n, by in asked.expected}
        expected |= {f"claim-{asked.evil}": 0} if "guard" in bad else {}
        escrows = {self._streams[n]: escrow for n, escrow in asked.escrows if self._streams[n] in expected}
        key = None
        if asked.key is not None:
            number, answer = asked.key
            key = IdempotencyKey(f"{self._name}{number}{bad.get('key', '')}", b"hash", answer)
        before = self._asked[-asked.after] if asked.after and asked.after <= len(self._asked) else None
        after = {} if before is None else dict.fromkeys(expected, before.ticket)
        metadata = Metadata(asked.actor + bad.get("actor", ""))
        self._asked.append(Append(facts, expected, metadata, asked.occurred_at, key, after=after, escrows=escrows))
        return self._asked[-1]

    def _fact(self, stream: int, text: str, bad: Mapping[str, str]) -> Event:
        name = f"{self._name}{stream}{bad.get('name', '')}"
        return NameReleased(name, text) if len(text) % 2 else NameClaimed(name, text + bad.get("body", ""))


def _version(present: int, by: int) -> int:
    return -1 if by == -1 else present + by


def _outcome(outcome: Appended | BaseException, start: int) -> Any:
    match outcome:
        case Appended(position, _, replayed, passed):
            return "appended", position - start, replayed, dict(passed)
        case Conflict(stream=stream, expected=expected, actual=actual):
            return "conflict", stream, expected, actual
        case AppendRefused():
            return "refused"
        case _:
            raise outcome


def _fact(fact: Recorded, start: int) -> Any:
    at = fact.occurred_at if fact.occurred_at != fact.recorded_at else "when recorded"
    return fact.stream, fact.version, fact.position - start, fact.event, fact.metadata, at


@dataclass
class Floor:
    runner: asyncio.Runner
    store: EventStore


@pytest.fixture
def floor(own_database_url: str) -> Iterator[Floor]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        yield Floor(runner, runner.run(stack.enter_async_context(open_store(own_database_url))))
        runner.run(stack.aclose())
        assert runner.run(flaws(own_database_url)) == []


def test_both_stores_answer_alike_and_keep_the_same_facts(floor: Floor) -> None:
    @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_waves)
    def ask_both(waves: list[list[Asked]]) -> None:
        name = uuid4().hex[:12]
        in_memory = floor.runner.run(Told(MemoryEventStore(), name).all(waves))
        in_the_database = floor.runner.run(Told(floor.store, name).all(waves))
        assert in_the_database == in_memory

    ask_both()
