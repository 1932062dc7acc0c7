"""Group commit: whatever appends are waiting when the last batch returns go to the database as one.

A batch whose answer is lost is sent again under its number, which the database stores once.
"""

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from uuid import uuid4

import asyncpg
import structlog

from events import EVENT_TYPES
from events.store import Appended, AppendRefused, Outcome, StoreBusy, Unacknowledged
from infrastructure.append_call import APPEND, arguments
from infrastructure.batches import Waiting, answer_judged, answer_stored, answered, fail, next_batch
from infrastructure.database import PATIENCE_S
from infrastructure.metrics import Metrics
from infrastructure.personal import Divider
from infrastructure.raw_append import RawAppend, sealed
from infrastructure.vault import Vault

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


class Committer:
    """One per process. Appends may be asked for concurrently; answers come in the order of the commits."""

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
        self._queue: deque[Waiting] = deque()
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
        self._head, self._is_crowded = 0, False

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
        self.take(append, partial(_answer, answer))
        return answer

    def take(self, append: RawAppend, tell: Callable[[Outcome], None]) -> None:
        """To be told what became of it: once, when its whole batch is answered, and before anyone else goes on."""
        if self._closing or len(self._queue) >= MAX_WAITING_APPENDS:
            self._metrics.busy()
            tell(StoreBusy(f"{len(self._queue)} appends are waiting"))
        else:
            self._queue.append(Waiting(append, tell))
            self._wake.set()

    async def _run(self) -> None:
        while True:
            if not self._queue:
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            batch, began = next_batch(self._queue), time.perf_counter()
            try:
                await self._commit(batch)
                self._metrics.commit(answered(batch), len(self._queue), time.perf_counter() - began)
                if self._is_crowded:  # the database has others to work for meanwhile: one large batch costs it less
                    await asyncio.sleep(0)  # those who were answered go on, and may ask again
            except Exception as error:  # a bug in here must not leave callers waiting for ever
                log.exception("committer_failed")
                fail(batch, Unacknowledged(str(error)))

    async def _commit(self, batch: list[Waiting]) -> None:
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
                fail(batch, _gave_up(unanswered))
                return
            try:
                await self._seal(connection, batch)
                row, stored = await self._send(connection, batch)
            except (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError):
                fail(batch, _gave_up(unanswered, "the database took too long"))
            except BROKEN as error:
                log.warning("append_unanswered", appends=len(batch), error=str(error))
                connection.terminate()
                unanswered = unanswered or not isinstance(error, asyncpg.ReadOnlySQLTransactionError)
                if await self._try_again():
                    continue
                fail(batch, _gave_up(unanswered))
            except BAD_CONTENT as error:
                if len(batch) == 1:
                    fail(batch, AppendRefused(str(error)))
                    return
                for waiting in batch:  # one of them is bad: alone, each fails or succeeds for itself
                    await self._commit([waiting])
            except asyncpg.PostgresError as error:  # a full disk, a deadlock: rolled back, and nobody's fault
                log.error("append_failed", appends=len(batch), error=str(error), sqlstate=error.sqlstate)
                fail(batch, _gave_up(unanswered, "the database is in trouble"))
            else:
                self._answer(batch, row, stored)
            return

    async def _seal(self, connection: asyncpg.Connection, batch: list[Waiting]) -> None:
        """Encrypt what is personal: that may take keys, which are made here if there are none."""
        persons = {person for waiting in batch for person in waiting.append.persons}
        if not persons:
            return
        await self._vault.provide(connection, sorted(persons))
        for waiting in batch:
            if waiting.append.persons:
                waiting.append = sealed(waiting.append, self._divider)

    async def _send(
        self, connection: asyncpg.Connection, batch: list[Waiting]
    ) -> tuple[asyncpg.Record, list[asyncpg.Record]]:
        """What the database says, and if it had the batch before: what of it is stored."""
        appends = arguments([waiting.append for waiting in batch])
        row = await connection.fetchrow(APPEND, self._writer, self._batch, *appends, timeout=STATEMENT_TIMEOUT_S)
        assert row is not None
        self._away_since = None
        if row["again_after"] is None:
            return row, []
        after, until = row["again_after"], row["again_until"]
        return row, await connection.fetch(STORED_BETWEEN, after, until, timeout=STATEMENT_TIMEOUT_S)

    def _answer(self, batch: list[Waiting], row: asyncpg.Record, stored: list[asyncpg.Record]) -> None:
        """All at once: whoever waits goes on after everyone has been told."""
        if row["again_after"] is None:
            self._compare(batch, row)
            self._on_commit(row["head_after"])
            answer_judged(batch, row)
            return
        self._on_commit(row["again_until"])
        # What is not there was not stored and rests on nothing: it is judged anew, before all that came later.
        self._queue.extendleft(reversed(answer_stored(batch, dict(map(tuple, stored)), row["at"])))

    def _compare(self, batch: list[Waiting], row: asyncpg.Record) -> None:
        """Positions have no gaps, so they tell how much others have stored since our last batch. Where that is half as
        much again as ours, there are three or more of us, and the database is kept busy without our hurrying."""
        judged = zip(batch, row["r_position"], strict=True)
        ours = sum(len(waiting.append.facts) for waiting, position in judged if position >= 0)
        others = row["head_after"] - ours - self._head
        self._head, self._is_crowded = row["head_after"], 2 * others > 3 * ours

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


def _answer(answer: "asyncio.Future[Appended]", outcome: Outcome) -> None:
    if answer.done():  # whoever asked has gone
        return
    if isinstance(outcome, BaseException):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)


def _gave_up(unanswered: bool, why: str = "the database cannot be reached") -> Exception:
    if unanswered:
        return Unacknowledged("the connection to the database broke before it answered")
    return StoreBusy(why)
