"""Group commit: whatever appends are waiting when the last batch returns go to the database as one."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import asyncpg
import structlog

from events.store import Appended, AppendRefused, Conflict, IdempotencyKey, StoreBusy, Unacknowledged
from infrastructure.append_call import APPEND, arguments, conditions
from infrastructure.metrics import Metrics
from infrastructure.raw_append import RawAppend

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
    ) -> None:
        self._connect = connect
        self._on_commit = on_commit
        self._metrics = metrics or Metrics()
        self._queue: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._connection: asyncpg.Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def __aenter__(self) -> "Committer":
        self._task = asyncio.create_task(self._run(), name="committer")
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

    async def submit(self, append: RawAppend) -> Appended:
        """Raises Conflict, AppendRefused, StoreBusy or Unacknowledged."""
        if self._closing or len(self._queue) >= MAX_WAITING_APPENDS:
            self._metrics.busy()
            raise StoreBusy(f"{len(self._queue)} appends are waiting")
        waiting = _Waiting(append, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._wake.set()
        return await waiting.answer

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
            answers = [(each.answer, len(each.append.facts)) for each in batch]
            self._metrics.commit(answers, len(self._queue), time.perf_counter() - began)

    def _next_batch(self) -> list[_Waiting]:
        """Of many, half: while the database works on it, the callers of the last one go on, and neither side waits."""
        batch: list[_Waiting] = []
        facts = 0
        most = min(MAX_BATCH_APPENDS, max(WHOLE_QUEUE_APPENDS, len(self._queue) // 2))
        while self._queue and len(batch) < most and facts < MAX_BATCH_FACTS:
            batch.append(self._queue.popleft())
            facts += len(batch[-1].append.facts)
        return batch

    async def _commit(self, batch: list[_Waiting]) -> None:
        try:
            connection = await self._connected()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("database_unreachable", error=str(error))
            _fail(batch, StoreBusy("the database cannot be reached"))
            await asyncio.sleep(0.1)
            return
        try:
            row = await connection.fetchrow(
                APPEND, *arguments([waiting.append for waiting in batch]), timeout=STATEMENT_TIMEOUT_S
            )
        except (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError):
            _fail(batch, StoreBusy("the database took too long"))
        except (
            asyncpg.PostgresConnectionError,
            asyncpg.OperatorInterventionError,
            asyncpg.InterfaceError,
            OSError,
            TimeoutError,
        ) as error:
            log.warning("append_unacknowledged", appends=len(batch), error=str(error))
            connection.terminate()
            self._connection = None
            _fail(batch, Unacknowledged("the connection to the database broke before it answered"))
        except BAD_CONTENT as error:
            if len(batch) == 1:
                _fail(batch, AppendRefused(str(error)))
                return
            for waiting in batch:  # one of them is bad: alone, each fails or succeeds for itself
                await self._commit([waiting])
        except asyncpg.PostgresError as error:  # a full disk, a standby, a deadlock: rolled back, and nobody's fault
            log.error("append_failed", appends=len(batch), error=str(error), sqlstate=error.sqlstate)
            _fail(batch, StoreBusy("the database is in trouble"))
        else:
            assert row is not None
            self._on_commit(row["head_after"])
            _answer(batch, row)

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        return self._connection


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)


def _answer(batch: Sequence[_Waiting], row: asyncpg.Record) -> None:
    replayed = {request: place for place, request in enumerate(row["replayed_request"])}
    streams_of_conditions: list[tuple[str, int]] | None = None
    for request, (waiting, position, failed) in enumerate(
        zip(batch, row["r_position"], row["r_failed_condition"], strict=True), 1
    ):
        if position >= 0:
            waiting.append.ticket.stored = True
        if waiting.answer.done():  # its caller has gone
            continue
        if request in replayed:
            place = replayed[request]
            key = waiting.append.key
            assert key is not None
            known = IdempotencyKey(key.key, row["replayed_hash"][place], row["replayed_answer"][place])
            waiting.answer.set_result(
                Appended(row["replayed_position"][place], row["replayed_at"][place], replayed=known)
            )
        elif failed:
            if streams_of_conditions is None:
                streams_of_conditions = conditions(each.append for each in batch)
            stream, expected = streams_of_conditions[failed - 1]
            waiting.answer.set_exception(Conflict(stream, expected, row["c_version"][failed - 1]))
        else:
            waiting.answer.set_result(Appended(position + len(waiting.append.facts), row["at"]))
