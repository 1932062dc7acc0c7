"""Connections to PostgreSQL: one pool for reads and projections, single ones for the committer and the listener."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from infrastructure.database_url import asyncpg_dsn

Connection = asyncpg.Connection | PoolConnectionProxy
Pool = asyncpg.Pool

CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 30.0
LOCK_TIMEOUT_MS = 10_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000
"""A worker that stops in the middle of a page (a paused machine, a lost network) must not hold its locks for hours."""
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

_SESSION = {
    "application_name": "daybook",
    "lock_timeout": str(LOCK_TIMEOUT_MS),
    "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
    "statement_timeout": str(int(STATEMENT_TIMEOUT_S * 1_000)),
    # Reports and folds are many short statements: compiling each costs more than it saves.
    "jit": "off",
}


async def connect(url: str) -> asyncpg.Connection:
    """One connection of its own. Raises OSError, TimeoutError or asyncpg's errors."""
    return await asyncpg.connect(asyncpg_dsn(url), timeout=CONNECT_TIMEOUT_S, server_settings=_SESSION)


@asynccontextmanager
async def open_pool(url: str, size: int) -> AsyncIterator[Pool]:
    async with asyncpg.create_pool(
        asyncpg_dsn(url),
        min_size=min(2, size),
        max_size=size,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=STATEMENT_TIMEOUT_S,
        server_settings=_SESSION,
        reset=_as_it_is,
    ) as pool:
        yield pool


async def _as_it_is(connection: Connection) -> None:
    """Nobody changes a pooled session, so undoing changes would be a round trip for nothing, after every use.

    An open transaction is rolled back all the same."""
