"""What the committer makes of answers that no real database gives at will: here one answers by a script."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from events.store import Appended, AppendRefused, IdempotencyKey, Outcome, StoreBusy, Unacknowledged
from infrastructure import committer as committing
from infrastructure.batches import MAX_BATCH_FACTS
from infrastructure.committer import Committer
from infrastructure.metrics import Metrics
from infrastructure.raw_append import RawAppend, RawFact

AT = datetime(2026, 5, 1, tzinfo=UTC)
LOST = ConnectionResetError("the network is gone")
SLOW, LOCKED = asyncpg.QueryCanceledError("too slow"), asyncpg.LockNotAvailableError("locked")
FULL = asyncpg.DiskFullError("no space left")
R_FACTS = 11
"""Which of the arguments says how many facts each append has."""


class Server:
    """Stores every batch, but for those that it has errors for, and refuses connections if it has `refusals`."""

    def __init__(self, *errors: Exception, refusals: Sequence[Exception] = ()) -> None:
        self.errors, self.refusals = list(errors), list(refusals)
        self.head, self.attempts, self.batches = 100, 0, list[int]()
        self.connections: list[Connection] = []
        self.free = asyncio.Event()
        self.free.set()

    async def connect(self) -> Any:
        self.attempts += 1
        if self.refusals:
            raise self.refusals.pop(0)
        self.connections.append(Connection(self))
        return self.connections[-1]

    def store(self, facts: Sequence[int]) -> dict[str, Any]:
        before = [self.head + sum(facts[:n]) for n in range(len(facts))]
        self.head += sum(facts)
        nothing = "c_version", "passed_request", *(f"replayed_{each}" for each in ("request", "hash", "answer"))
        stored = {"head_after": self.head, "at": AT, "again_after": None, "r_position": before}
        return {**dict.fromkeys(nothing, ()), **stored, "r_failed_condition": [0] * len(facts)}


class Connection:
    def __init__(self, server: Server) -> None:
        self.server, self.is_gone, self.closed_within_s = server, False, 0.0

    async def fetchrow(self, sql: str, writer: Any, batch: int, *arguments: Any, timeout: float) -> Any:
        facts = [int(each) for each in arguments[R_FACTS].strip("{}").split(",")]
        self.server.batches.append(len(facts))
        await self.server.free.wait()
        if self.server.errors:
            raise self.server.errors.pop(0)
        return self.server.store(facts)

    def is_closed(self) -> bool:
        return self.is_gone

    def terminate(self) -> None:
        self.is_gone = True

    async def close(self, timeout: float) -> None:
        self.closed_within_s = timeout
        raise TimeoutError


def raw(facts: int = 1, key: str = "") -> RawAppend:
    stored = [RawFact("s", f"{random.getrandbits(128):032x}", "NameClaimed", 1, "{}", None) for _ in range(facts)]
    return RawAppend(stored, {}, "{}", IdempotencyKey(key, b"hash") if key else None)


async def asked(
    server: Server, *appends: RawAppend, patience_s: float = 60.0, metrics: Metrics | None = None
) -> list[Appended | BaseException]:
    """All at once, of a committer that lives no longer."""
    async with asyncio.timeout(60), Committer(server.connect, metrics=metrics, patience_s=patience_s) as committer:
        return await asyncio.gather(*map(committer.submit, appends), return_exceptions=True)


def said(log: Sequence[EventDict], event: str) -> list[EventDict]:
    return [entry for entry in log if entry["event"] == event]


def as_told(done: Sequence[Appended | BaseException]) -> list[tuple[type, str]]:
    return [(type(each), str(each)) for each in done]


@pytest.mark.parametrize(
    ("errors", "kind", "text"),
    [
        ([SLOW], StoreBusy, "the database took too long"),
        ([LOCKED], StoreBusy, "the database took too long"),
        ([FULL], StoreBusy, "the database is in trouble"),
        ([asyncpg.ReadOnlySQLTransactionError("standby")], StoreBusy, "the database cannot be reached"),
        ([LOST], Unacknowledged, "the connection to the database broke before it answered"),
        ([asyncpg.InterfaceError("closed")], Unacknowledged, "the connection to the database broke before it answered"),
        ([asyncpg.DataError("bad")], AppendRefused, "bad"),
        ([asyncpg.UniqueViolationError("twice")], AppendRefused, "twice"),
        ([ValueError("odd")], AppendRefused, "odd"),
        ([AssertionError("a bug")], Unacknowledged, "a bug"),
    ],
)
async def test_each_kind_of_failure_has_its_answer(errors: list[Exception], kind: type, text: str) -> None:
    server = Server(*errors)
    assert as_told(await asked(server, raw(), patience_s=0)) == [(kind, text)]
    assert server.batches == [1]


@pytest.mark.parametrize("then", [SLOW, FULL])
async def test_once_an_answer_was_lost_no_later_failure_says_that_nothing_was_stored(then: Exception) -> None:
    done = await asked(Server(LOST, then), raw())
    assert as_told(done) == [(Unacknowledged, "the connection to the database broke before it answered")]


async def test_a_lost_answer_stays_lost_when_the_next_attempt_is_refused() -> None:
    standby = asyncpg.ReadOnlySQLTransactionError("standby")
    assert [type(each) for each in await asked(Server(LOST, standby), raw(), patience_s=0.01)] == [Unacknowledged]


async def test_without_patience_it_is_tried_once() -> None:
    away = Server(refusals=[ConnectionRefusedError("no")] * 9)
    assert as_told(await asked(away, raw(), patience_s=0)) == [(StoreBusy, "the database cannot be reached")]
    assert away.attempts == 1


async def test_patience_begins_anew_after_every_answer() -> None:
    server = Server(refusals=[ConnectionRefusedError("no")])
    async with Committer(server.connect, patience_s=0.02) as committer:
        assert await committer.submit(raw()) == Appended(101, AT)  # after a pause that is longer than the patience
        server.errors.append(LOST)
        assert await committer.submit(raw()) == Appended(102, AT)
    assert [each.is_gone for each in server.connections] == [True, False]


async def test_one_bad_append_does_not_take_the_others_along() -> None:
    server = Server(asyncpg.DataError("one of them"), asyncpg.DataError("this one"))
    refused, stored = await asked(server, raw(), raw(2))
    assert as_told([refused]) == [(AppendRefused, "this one")]
    assert stored == Appended(102, AT)
    assert server.batches == [2, 1, 1]


async def test_after_a_bug_the_next_is_served() -> None:
    server = Server(AssertionError("a bug"))
    async with Committer(server.connect) as committer:
        with capture_logs() as log, pytest.raises(Unacknowledged, match=r"^a bug$"):
            await committer.submit(raw())
        assert await committer.submit(raw()) == Appended(101, AT)
    assert [entry["log_level"] for entry in said(log, "committer_failed")] == ["error"]


async def test_the_log_says_what_was_wrong_with_the_database() -> None:
    with capture_logs() as log:
        await asked(Server(LOST, FULL, refusals=[ConnectionRefusedError("not there")]), raw(), raw())
    (unreachable,), (unanswered,), (failed,) = (
        said(log, event) for event in ("database_unreachable", "append_unanswered", "append_failed")
    )
    assert unreachable["error"] == "not there"
    assert (unanswered["appends"], unanswered["error"]) == (2, "the network is gone")
    assert (failed["appends"], failed["error"], failed["sqlstate"]) == (2, "no space left", "53100")


@pytest.mark.parametrize(("waiting", "batches"), [(128, [128]), (400, [200, 128, 72]), (2_000, [512, 512, 488, 244])])
async def test_of_many_that_wait_half_go_at_a_time(waiting: int, batches: list[int]) -> None:
    """Down to where a batch is too small to be worth while, and up to what is good for the others on the database."""
    server = Server()
    done = await asked(server, *(raw() for _ in range(waiting)))
    assert done == [Appended(101 + n, AT) for n in range(waiting)]
    assert server.batches[: len(batches)] == batches


async def test_a_batch_ends_with_the_append_that_fills_it() -> None:
    most = MAX_BATCH_FACTS
    server = Server()
    await asked(server, *(raw(facts) for facts in (most - 1, 1, 1, most, 1)))
    assert server.batches == [2, 2, 1]


async def test_one_key_goes_once_in_a_batch() -> None:
    server = Server()
    await asked(server, *(raw(key=key) for key in ("a", "b", "", "", "a", "c")))
    assert server.batches == [4, 2]


async def test_what_was_committed_is_counted() -> None:
    metrics, server = Metrics(), Server(asyncpg.DataError("one of them"), asyncpg.DataError("this one"))
    await asked(server, raw(), raw(2), *(raw(key="a") for _ in range(3)), metrics=metrics)

    def counted(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"daybook_{name}", labels)

    stored, refused = (counted("appends_total", outcome=outcome) for outcome in ("stored", "refused"))
    assert (stored, refused, counted("facts_appended_total")) == (4, 1, 5)
    assert (counted("commit_appends_count"), counted("commit_appends_sum")) == (3, 5)
    assert counted("appends_waiting") == 0
    assert 0 < (counted("commit_seconds_sum") or 0) < 60


async def test_counting_that_fails_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    monkeypatch.setattr(metrics, "commit", lambda *_: 1 / 0)
    async with Committer(Server().connect, metrics=metrics) as committer:
        assert await committer.submit(raw()) == Appended(101, AT)
        assert await asyncio.wait_for(committer.submit(raw()), 60) == Appended(102, AT)


async def test_who_is_turned_away_is_counted_and_told_how_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committing, "MAX_WAITING_APPENDS", 2)
    metrics = Metrics()
    *stored, turned_away = await asked(Server(), raw(), raw(), raw(), metrics=metrics)
    assert stored == [Appended(101, AT), Appended(102, AT)]
    assert as_told([turned_away]) == [(StoreBusy, "2 appends are waiting")]
    assert metrics.registry.get_sample_value("daybook_appends_total", {"outcome": "busy"}) == 1


async def test_closing_waits_for_the_server_for_a_moment_only_and_no_longer_serves() -> None:
    server = Server()
    async with Committer(server.connect) as committer:
        await committer.submit(raw())
    assert 0 < server.connections[0].closed_within_s < 10
    with pytest.raises(StoreBusy):
        await committer.submit(raw())


async def test_who_gives_up_waiting_keeps_nobody_else_from_an_answer() -> None:
    server = Server(asyncpg.DataError("one of them"))
    async with Committer(server.connect) as committer:
        gone, here = committer.submit(raw()), committer.submit(raw())
        gone.cancel()
        assert await here == Appended(102, AT)


async def test_who_fails_at_being_told_has_nothing_stored_again_and_keeps_nobody_waiting() -> None:
    def fail(outcome: Outcome) -> None:
        raise ValueError("a bug")

    server = Server()
    async with asyncio.timeout(60), Committer(server.connect) as committer:
        before = committer.submit(raw())
        for _ in range(2):
            committer.take(raw(), fail)
        behind = committer.submit(raw())
        assert await before == Appended(101, AT)
        with pytest.raises(Unacknowledged, match="a bug"):
            await behind
        assert await committer.submit(raw()) == Appended(105, AT)
    assert server.batches == [4, 1]
