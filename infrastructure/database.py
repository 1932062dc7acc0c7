"""Connections to PostgreSQL: one pool for reads and projections, single ones for the committer and the listener.

What is `pooled` goes through a pooler that hands out a server's session for one transaction at a time, such as
pgbouncer or Neon's: nothing may be left in a session, neither settings nor prepared statements.
"""

import asyncio
import contextlib
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from infrastructure.database_url import asyncpg_dsn, tls
from infrastructure.vanished import notice_when_gone

Connection = asyncpg.Connection | PoolConnectionProxy
T = TypeVar("T")

CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 30.0
GIVE_BACK_TIMEOUT_S = 2.0
"""So long a statement that was given up may take to end, before its connection is closed: a server may be silent."""
LOCK_TIMEOUT_MS = 10_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000
"""A worker that stops in the middle of a page (a paused machine, a lost network) must not hold its locks for hours."""
STATEMENTS_KEPT = 100
PATIENCE_S = 5.0
"""How long a read, or an append that can be repeated, is tried again while the database is away."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.5
# What goes wrong when the database is away, as opposed to a statement that is wrong.
UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says when a connection is cut in the middle of a statement
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.DeadlockDetectedError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
# The server is there, and will not have us: a wrong password, or a database that does not exist.
NO_ENTRY = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)

# What is wrong with a value, such as a NUL in a text, whoever asks again.
BAD_INPUT = (asyncpg.DataError, UnicodeError)

_NAME = {"application_name": "daybook"}
_SESSION = {
    "lock_timeout": str(LOCK_TIMEOUT_MS),
    "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
    "statement_timeout": str(int(STATEMENT_TIMEOUT_S * 1_000)),
    # Reports and folds are many short statements: compiling each costs more than it saves.
    "jit": "off",
}
_IS_MINE = f"SELECT 1 WHERE current_setting('lock_timeout') = '{LOCK_TIMEOUT_MS // 1_000}s'"
NO_ROOM = "no connection was given back in time"
NO_SESSION = (
    "a pooler answers there, and it keeps no sessions: set DATABASE_DIRECT_URL to the address of the database itself, "
    "beside DATABASE_URL (docs/operations.md)"
)
# The connection is lost, or was never had: on another one the same statement may well succeed. Of those that
# an operator's hand ends, a cancelled statement is not meant.
GONE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
# There is no room just now, as when everyone comes back at once.
FULL = (asyncpg.InsufficientResourcesError,)
# A server that was the primary and is not any more.
_STALE = (asyncpg.ReadOnlySQLTransactionError,)

log = structlog.get_logger(__name__)


class NoSession(asyncpg.InterfaceError):
    """Where a session of our own is needed, there is a pooler in between; the message says what to set."""


class _Session(asyncpg.Connection):
    """Notices when its server has vanished. Closing what is lost already is no error: the pool does it in passing, and
    nobody would hear of it."""

    __slots__ = ()

    def __init__(self, protocol: Any, transport: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(protocol, transport, *args, **kwargs)
        notice_when_gone(transport)

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109
        with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresConnectionError):
            await super().close(timeout=timeout)


async def connect(url: str, *, pooled: bool = False, statement_timeout_s: float | None = None) -> asyncpg.Connection:
    """One connection of its own; what takes longer than `statement_timeout_s` is cancelled from here.

    Raises OSError, TimeoutError or asyncpg's errors, among them NoSession.
    """
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        connection = await _connected(url, pooled, statement_timeout_s)
        if not pooled:
            await _make_sure_of_a_session(connection)
        return connection


async def _connected(url: str, pooled: bool, statement_timeout_s: float | None) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(
            asyncpg_dsn(url),
            ssl=tls(url),
            command_timeout=statement_timeout_s,
            connection_class=_Session,
            server_settings=_NAME if pooled else _NAME | _SESSION,
            statement_cache_size=0 if pooled else STATEMENTS_KEPT,
        )
    except asyncpg.ProtocolViolationError as error:
        if "startup parameter" not in str(error):
            raise
        raise NoSession(NO_SESSION) from None


async def _make_sure_of_a_session(connection: asyncpg.Connection) -> None:
    try:
        # A pooler may be told to overlook what it does not know. It would lose a prepared statement: none is used.
        if await connection.execute(_IS_MINE) != "SELECT 1":
            raise NoSession(NO_SESSION)
    except BaseException:  # also whoever is cancelled here leaves no connection behind
        connection.terminate()
        raise


class Pool:
    """Connections that many share.

    `fetch`, `fetchrow` and `fetchval` are for reads only: what a lost connection, a restart or a failover interrupts is
    asked again, for `patience_s` seconds, and then its error is raised. What writes is never repeated here. Nobody
    waits for longer than that, or than connecting may take, for one to be free; who is cancelled does not wait until
    it is given back.
    """

    def __init__(self, connections: "asyncpg.Pool[asyncpg.Record]", patience_s: float = PATIENCE_S) -> None:
        self._connections = connections
        self._patience_s = patience_s
        self._generation = 0
        self._taken = 0
        self._giving_back: set[asyncio.Task[None]] = set()

    @property
    def room_within_s(self) -> float:
        """Nobody waits for longer until a connection is free."""
        return max(self._patience_s, CONNECT_TIMEOUT_S)

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        return await self._again(lambda connection: connection.fetch(query, *args))

    async def fetchrow(self, query: str, *args: Any) -> Any:
        return await self._again(lambda connection: connection.fetchrow(query, *args))

    async def fetchval(self, query: str, *args: Any) -> Any:
        return await self._again(lambda connection: connection.fetchval(query, *args))

    async def returning(self, query: str, *args: Any) -> list[Any]:
        """The rows that a statement which writes gives back."""
        async with self.acquire() as connection:
            return await connection.fetch(query, *args)

    async def execute(self, query: str, *args: Any) -> str:
        async with self.acquire() as connection:
            return await connection.execute(query, *args)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """A connection for several statements. Nothing is repeated: its errors are the caller's."""
        generation = self._generation
        try:
            connection = await self._take(self._room_by())
            try:
                yield connection
            finally:
                await self._give_back(connection)
        except (*GONE, *_STALE):
            await self._renew(generation)
            raise

    def _room_by(self) -> float:
        return asyncio.get_running_loop().time() + self.room_within_s

    async def _take(self, room_by: float) -> PoolConnectionProxy:
        """To be given back. Raises TooManyConnectionsError if none is free by then: those of others are not lost."""
        self._taken += 1
        limit = asyncio.timeout_at(room_by)
        try:
            if self._taken <= self._connections.get_max_size():
                return await self._connections.acquire()  # there is one, or connecting ends by itself
            async with limit:
                return await self._connections.acquire()
        except BaseException as error:
            self._taken -= 1
            if isinstance(error, TimeoutError) and limit.expired():
                raise asyncpg.TooManyConnectionsError(NO_ROOM) from None
            raise

    async def _give_back(self, connection: PoolConnectionProxy) -> None:
        giving_back = self._release(connection)
        if isinstance(sys.exception(), asyncio.CancelledError):
            # Its caller does not wait until the server has ended the statement; who closes the pool does.
            task = asyncio.create_task(giving_back)
            self._giving_back.add(task)
            task.add_done_callback(self._giving_back.discard)
        else:
            await giving_back

    async def _release(self, connection: PoolConnectionProxy) -> None:
        try:
            with contextlib.suppress(*GONE):
                await self._connections.release(connection, timeout=GIVE_BACK_TIMEOUT_S)
        finally:
            self._taken -= 1

    async def _again(self, ask: Callable[[Connection], Awaitable[T]]) -> T:
        loop = asyncio.get_running_loop()
        end, room_by = loop.time() + self._patience_s, self._room_by()
        pause_s = FIRST_PAUSE_S
        while True:
            generation = self._generation
            try:
                connection = await self._take(room_by)
                try:
                    return await ask(connection)
                finally:
                    await self._give_back(connection)
            except (*GONE, *FULL) as error:
                if isinstance(error, ValueError) or self._connections.is_closing():
                    raise  # ValueError: a certificate or a setting is wrong, and will be the next time
                if isinstance(error, GONE):
                    await self._renew(generation)
                pause_s *= 0.5 + random.random()
                if loop.time() + pause_s >= end:
                    raise
                log.warning("read_again", error=str(error) or type(error).__name__)
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    async def _renew(self, generation: int) -> None:
        """One connection is gone, so the others probably are as well: each is opened anew before its next use.

        Not because of a connection that is known to be gone already, or fresh ones would go with it."""
        if generation == self._generation and not self._connections.is_closing():
            self._generation += 1
            await self._connections.expire_connections()


@asynccontextmanager
async def open_pool(
    url: str, size: int, *, pooled: bool = False, patience_s: float = PATIENCE_S
) -> AsyncIterator[Pool]:
    async with asyncpg.create_pool(
        min_size=min(2, size),
        max_size=size,
        connect=lambda *_, **__: connect(url, pooled=pooled, statement_timeout_s=STATEMENT_TIMEOUT_S),
        reset=_as_it_is,
    ) as connections:
        yield Pool(connections, patience_s)


async def _as_it_is(connection: Connection) -> None:
    """Nobody changes a pooled session, so undoing changes would be a round trip for nothing, after every use.

    An open transaction is rolled back all the same."""
