"""Where benchmarks run: servers as durable as in production, and a database of its own for whoever is measured."""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from infrastructure import migrations
from infrastructure.database import connect
from infrastructure.embedded import throwaway_servers


@dataclass(frozen=True, slots=True)
class Ground:
    """A PostgreSQL where databases can be made, a Redis, and whether short runs will do."""

    database_url: str
    redis_url: str
    quick: bool

    @property
    def runs(self) -> int:
        """How many times everything is measured; the median counts."""
        return 1 if self.quick else 3

    @property
    def seconds(self) -> float:
        """How long one run under steady load lasts."""
        return 1.0 if self.quick else 5.0

    @asynccontextmanager
    async def database(self, *, migrated: bool = True) -> AsyncIterator[str]:
        """A new database's URL; the database is dropped in the end."""
        name = f"daybook_bench_{os.getpid()}_{secrets.token_hex(4)}"
        await self._administer(f"CREATE DATABASE {name}")
        try:
            url = urlunsplit(urlsplit(self.database_url)._replace(path=f"/{name}"))
            if migrated:
                await migrations.upgrade(url)
            yield url
        finally:
            await self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    async def _administer(self, statement: str) -> None:
        connection = await connect(self.database_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def open_ground(*, quick: bool, database_url: str | None = None) -> Iterator[Ground]:
    """On embedded servers of our own, which are gone in the end; with `database_url`, in databases of our own there."""
    with ExitStack() as stack:
        servers = stack.enter_context(throwaway_servers())
        yield Ground(database_url or servers.database_url, servers.redis_url, quick)
