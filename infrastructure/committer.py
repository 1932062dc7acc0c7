"""Group commit: whatever appends are waiting when the last batch returns go to the database as one.

A batch whose answer is lost is sent again under its number, which the database stores once.
"""

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

import asyncpg
import structlog

from events import EVENT_TYPES
from events.store import NONE_PASSED, Appended, AppendRefused, Conflict, IdempotencyKey, StoreBusy, Unacknowledged
from infrastructure.append_call import APPEND, arguments, conditions
from infrastructure.database import PATIENCE_S
from infrastructure.metrics import Metrics
from infrastructure.personal import Divider
from infrastructure.raw_append import RawAppend, sealed
from infrastructure.vault import Vault

MAX_BATCH_APPENDS = 512
WHOLE_QUEUE_APPENDS = 128
"""So many at most are always taken together: of smaller batches the commit itself would be the greater part."""
MAX_BATCH_FACTS = 4_000
MAX_WAITING_APPENDS = 10_000
STATEMENT_TIMEOUT_S = 30.0

# What is wrong with an append itself, whoever asks again.
BAD_CONTENT = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    ValueError,
    OverflowError,
)

UNREACHED = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
# The connection is of no use any more, or leads to a server that is not the primary (now).
BROKEN = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
PAUSE_S = (0.05, 0.25)

STORED_BETWEEN = "SELECT id::text, position FROM facts WHERE position > $1 AND position <= $2"

Connect = Callable[[], Awaitable[asyncpg.Connection]]

log = structlog.get_logger(__name__)


class _Waiting(NamedTuple):
    append: RawAppend
    answer: "asyncio.Future[Appended]"


class Committer:
    """One per process. `submit` may be called concurrently; answers come in the order of the commits."""

    def __init__(
        self,
        connect: Connect,
        on_commit: Callable[[int], None] = lambda position: None,
        metrics: Metrics | None = None,
        patience_s: float = PATIENCE_S,
        vault: Vault | None = None,
    ) -> None:
        """`patience_s`: how long an append is tried again while the database is away. Without a `vault` facts with
        personal data are refused."""
        self._connect = connect
        self._on_commit = on_commit
        self._metrics = metrics or Metrics()
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._connection: asyncpg.Connection | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._patience_s = patience_s
        self._vault = vault or Vault()
        self._divider = Divider(EVENT_TYPES, self._vault)
        self._away_since: float | None = None
        self._writer, self._batch = uuid4(), 0

    async def __aenter__(self) -> "Committer":
        # Asked for at every append, the running loop would cost a system call each time.
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name="committer")
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Drains what waits, then stops."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        if self._connection is not None:
            with contextlib.suppress(Exception):
                await self._connection.close(timeout=2)

    def submit(self, append: RawAppend) -> "asyncio.Future[Appended]":
        """To be awaited; that raises Conflict, AppendRefused, StoreBusy or Unacknowledged."""
        assert self._loop is not None
        answer: asyncio.Future[Appended] = self._loop.create_future()
        if self._closing or len(self._queue) >= MAX_WAITING_APPENDS:
            self._metrics.busy()
            answer.set_exception(StoreBusy(f"{len(self._queue)} appends are waiting"))
        else:
            self._queue.append(_Waiting(append, answer))
            self._wake.set()
        return answer

    async def _run(self) -> None:
        while True:
            if not self._queue:
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            batch, began = self._next_batch(), time.perf_counter()
            try:
                await self._commit(batch)
            except Exception as error:  # a bug in here must not leave callers waiting for ever
                log.exception("committer_failed")
                _fail(batch, Unacknowledged(str(error)))
            answers = [(each.answer, len(each.append.facts)) for each in batch if each.answer.done()]
            self._metrics.commit(answers, len(self._queue), time.perf_counter() - began)

    def _next_batch(self) -> list[_Waiting]:
        """Of many, half: while the database works on it, the callers of the last one go on, and neither side waits.

        One key at most once: the second one must find what the first has stored."""
        batch: list[_Waiting] = []
        keys: set[str] = set()
        facts = 0
        most = min(MAX_BATCH_APPENDS, max(WHOLE_QUEUE_APPENDS, len(self._queue) // 2))
        while self._queue and len(batch) < most and facts < MAX_BATCH_FACTS:
            append = self._queue[0].append
            if append.key is not None:
                if append.key.key in keys:
                    break
                keys.add(append.key.key)
            batch.append(self._queue.popleft())
            facts += len(append.facts)
        return batch

    async def _commit(self, batch: list[_Waiting]) -> None:
        """Send the batch until there is an answer, and give up when the database has been away for too long."""
        self._batch += 1
        unanswered = False  # it may have been stored: a batch with this number is stored once, so it can be sent again
        while True:
            try:
                connection = await self._connected()
            except UNREACHED as error:
                log.warning("database_unreachable", error=str(error))
                if await self._try_again():
                    continue
                _fail(batch, _gave_up(unanswered))
                return
            try:
                batch = await self._sealed(connection, batch)
                await self._send(connection, batch)
            except (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError):
                _fail(batch, _gave_up(unanswered, "the database took too long"))
            except BROKEN as error:
                log.warning("append_unanswered", appends=len(batch), error=str(error))
                connection.terminate()
                unanswered = unanswered or not isinstance(error, asyncpg.ReadOnlySQLTransactionError)
                if await self._try_again():
                    continue
                _fail(batch, _gave_up(unanswered))
            except BAD_CONTENT as error:
                if len(batch) == 1:
                    _fail(batch, AppendRefused(str(error)))
                    return
                for waiting in batch:  # one of them is bad: alone, each fails or succeeds for itself
                    await self._commit([waiting])
            except asyncpg.PostgresError as error:  # a full disk, a deadlock: rolled back, and nobody's fault
                log.error("append_failed", appends=len(batch), error=str(error), sqlstate=error.sqlstate)
                _fail(batch, _gave_up(unanswered, "the database is in trouble"))
            return

    async def _sealed(self, connection: asyncpg.Connection, batch: list[_Waiting]) -> list[_Waiting]:
        """With what is personal encrypted: that may take keys, which are made here if there are none."""
        persons = {person for waiting in batch for person in waiting.append.persons}
        if not persons:
            return batch
        await self._vault.provide(connection, sorted(persons))
        return [
            waiting._replace(append=sealed(waiting.append, self._divider)) if waiting.append.persons else waiting
            for waiting in batch
        ]

    async def _send(self, connection: asyncpg.Connection, batch: list[_Waiting]) -> None:
        appends = arguments([waiting.append for waiting in batch])
        row = await connection.fetchrow(APPEND, self._writer, self._batch, *appends, timeout=STATEMENT_TIMEOUT_S)
        assert row is not None
        self._away_since = None
        if row["again_after"] is None:
            self._on_commit(row["head_after"])
            _answer(batch, row)
            return
        after, until = row["again_after"], row["again_until"]
        stored = await connection.fetch(STORED_BETWEEN, after, until, timeout=STATEMENT_TIMEOUT_S)
        self._on_commit(until)
        # What is not there was not stored and rests on nothing: it is judged anew, before all that came later.
        self._queue.extendleft(reversed(_answer_stored(batch, dict(map(tuple, stored)), row["at"])))

    async def _try_again(self) -> bool:
        """Pause before another attempt; False when the database has been away for longer than callers should wait."""
        now = time.monotonic()
        self._away_since = self._away_since or now
        await asyncio.sleep(random.uniform(*PAUSE_S))
        return now - self._away_since < self._patience_s

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        return self._connection


def _gave_up(unanswered: bool, why: str = "the database cannot be reached") -> Exception:
    if unanswered:
        return Unacknowledged("the connection to the database broke before it answered")
    return StoreBusy(why)


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)


def _answer_stored(batch: Sequence[_Waiting], positions: Mapping[str, int], at: datetime) -> list[_Waiting]:
    """Answer those whose facts an earlier attempt has stored, `positions` by id, and give back the others."""
    others = []
    for waiting in batch:
        facts = waiting.append.facts
        if facts and facts[0].id in positions:
            waiting.append.ticket.stored = True
            if not waiting.answer.done():
                append = waiting.append
                passed = {stream: append.expected[stream] for stream in append.escrows}  # for all that is known by now
                waiting.answer.set_result(Appended(positions[facts[-1].id], at, passed=passed))
        else:
            others.append(waiting)
    return others


def _answer(batch: Sequence[_Waiting], row: asyncpg.Record) -> None:
    replayed = {request: place for place, request in enumerate(row["replayed_request"])}
    passed = frozenset(row["passed_request"])
    at = row["at"]
    streams_of_conditions: list[tuple[str, int]] | None = None
    for request, (waiting, position, failed) in enumerate(
        zip(batch, row["r_position"], row["r_failed_condition"], strict=True), 1
    ):
        append = waiting.append
        if position >= 0:
            append.ticket.stored = True
        if waiting.answer.done():  # its caller has gone
            continue
        if request in replayed:
            place = replayed[request]
            assert append.key is not None
            known = IdempotencyKey(append.key.key, row["replayed_hash"][place], row["replayed_answer"][place])
            waiting.answer.set_result(
                Appended(row["replayed_position"][place], row["replayed_at"][place], replayed=known)
            )
        elif failed:
            if streams_of_conditions is None:
                streams_of_conditions = conditions(each.append for each in batch)
            stream, expected = streams_of_conditions[failed - 1]
            waiting.answer.set_exception(Conflict(stream, expected, row["c_version"][failed - 1]))
        else:
            by = _versions(append, row["c_version"]) if request in passed else NONE_PASSED
            waiting.answer.set_result(Appended(position + len(append.facts), at, passed=by))


def _versions(append: RawAppend, c_version: Sequence[int]) -> dict[str, int]:
    """What the streams with a balance were at, by the versions of all conditions of the batch."""
    conditions = enumerate(append.expected, append.first_condition - 1)
    return {stream: c_version[condition] for condition, stream in conditions if stream in append.escrows}
