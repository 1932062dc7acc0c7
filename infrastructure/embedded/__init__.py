"""The PostgreSQL and the Valkey that Daybook brings along, for whoever has configured none.

Each server is watched by a small process of its own (`keeper.py`). Whoever uses a server holds a shared lock on its
`users.lock`; the system drops that lock with the process, however it ends. When the last one is gone, the keeper stops
the server. So any number of Daybook processes share one server, and none is left behind after a kill -9. See
docs/adr/0001-embedded-servers.md.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infrastructure.data_dir import make_data_dir
from infrastructure.embedded.sharing import Unavailable, shared

__all__ = ["Servers", "Unavailable", "open_servers", "servers_in", "throwaway_servers"]


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the database and the cache are; both URLs may name unix sockets."""

    database_url: str
    redis_url: str


@asynccontextmanager
async def open_servers(database_url: str | None, redis_url: str | None, data_dir: Path) -> AsyncIterator[Servers]:
    """Use the servers that are named; start, or join, an embedded one under `data_dir` for each that is not.

    Raises:
        Unavailable: an embedded server cannot be started; the message says why.
    """
    stack = ExitStack()
    servers = await asyncio.to_thread(stack.enter_context, servers_in(data_dir, database_url, redis_url))
    try:
        yield servers
    finally:
        await asyncio.to_thread(stack.close)


@contextmanager
def servers_in(data_dir: Path, database_url: str | None = None, redis_url: str | None = None) -> Iterator[Servers]:
    """As `open_servers`, for callers without an event loop."""
    with ExitStack() as stack:
        if database_url is None or redis_url is None:
            data_dir = data_dir.absolute()
            make_data_dir(data_dir)
        if database_url is None:
            database_url = stack.enter_context(shared("postgres", data_dir))
        if redis_url is None:
            redis_url = stack.enter_context(shared("valkey", data_dir))
        yield Servers(database_url, redis_url)


@contextmanager
def throwaway_servers(under: Path | None = None) -> Iterator[Servers]:
    """A pair of servers for tests: empty, as durable as the real ones, and gone with this process, however it ends.

    Their files are `under` this directory, or where temporary files are."""
    # Made by us for us: opening it for passage lets root's servers, which run as another user, live inside it.
    data_dir = Path(tempfile.mkdtemp(prefix="daybook-tests-", dir=under))
    data_dir.chmod(0o711)
    try:
        with ExitStack() as stack:
            yield Servers(
                stack.enter_context(shared("postgres", data_dir, throwaway=True)),
                stack.enter_context(shared("valkey", data_dir, throwaway=True)),
            )
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)
