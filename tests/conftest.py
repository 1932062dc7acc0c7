"""What tests stand on: real servers, embedded and outside, and in them a database and a key prefix for each module."""

import asyncio
import gc
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis
import structlog
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from psycopg.sql import SQL, Composed, Identifier

from infrastructure import cache as caching
from infrastructure import log, migrations
from infrastructure.embedded import Servers, throwaway_servers
from tests import pgbouncer

# It is not on PyPI, so a machine may lack it; `.ci/run` installs it, and the header of a run says so.
collect_ignore = [] if pgbouncer.PROGRAM else ["e2e/test_pgbouncer.py"]
# How long an example takes says something about the machine's other work, and nothing about the code.
hypothesis_settings.register_profile("on any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("on any machine")
OUTSIDE = {"TEST_DATABASE_URL", "TEST_REDIS_URL"} <= os.environ.keys()
READY_TEMPLATE = os.environ.get("TEST_TEMPLATE", "")
"""A migrated database that is there already: `make mutate` runs the tests a thousand times."""
MEMORY, ROOM_BYTES = Path("/dev/shm"), 4 * 2**30
"""A file system in memory, as Linux has it, and how much of it must be free to use it."""
FOR_TESTS = (
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET max_wal_size = '256MB'",  # in memory
)


class World:
    """The servers that tests run on, and a template in each PostgreSQL: from when they are first wanted to the end."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._servers: dict[str, Servers] = {}
        self._templates: dict[Servers, str] = {}

    def servers(self, kind: str) -> Servers:
        if kind not in self._servers:
            if kind == "external":
                servers = Servers(os.environ["TEST_DATABASE_URL"], os.environ["TEST_REDIS_URL"])
            else:
                servers = self._stack.enter_context(throwaway_servers(_in_memory()))
                # Tests crash processes, never the machine; what a disk and an fsync cost, the servers outside show.
                _administer(servers, *map(SQL, FOR_TESTS), SQL("SELECT pg_reload_conf()"))
            self._servers[kind] = servers
        return self._servers[kind]

    def template(self, servers: Servers) -> str:
        if READY_TEMPLATE:
            return READY_TEMPLATE
        if servers not in self._templates:
            name = f"daybook_test_{os.getpid()}_{secrets.token_hex(3)}"
            self._templates[servers] = self._stack.enter_context(_made(servers, name))
            asyncio.run(migrations.upgrade(_database(servers, name)))
        return self._templates[servers]


def pytest_report_header() -> str:
    program = pgbouncer.PROGRAM or "not on this machine: tests/e2e/test_pgbouncer.py is left out (see .ci/run)"
    return f"pgbouncer: {program}"


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """For the whole run: tests of the two kinds take turns, and a fixture with a kind is torn down at each change."""
    with ExitStack() as stack:
        yield World(stack)


@pytest.fixture(scope="session", params=["embedded", "external"] if OUTSIDE else ["embedded"])
def servers(request: pytest.FixtureRequest, world: World) -> Servers:
    """PostgreSQL and Redis; every test that asks for them runs once on each pair."""
    return world.servers(request.param)


@pytest.fixture(scope="session")
def migrated_template(servers: Servers, world: World) -> str:
    """The name of a migrated database to copy, since copying is faster than migrating."""
    return world.template(servers)


@pytest.fixture(scope="module")
def database_url(servers: Servers, migrated_template: str) -> Iterator[str]:
    """A migrated database of the module's own."""
    with _made(servers, f"{migrated_template}_{secrets.token_hex(3)}", migrated_template) as name:
        yield _database(servers, name)


@pytest.fixture
def own_database_url(servers: Servers, migrated_template: str) -> Iterator[str]:
    """A migrated database of the test's own, where the book begins with position 1."""
    with _made(servers, f"{migrated_template}_{secrets.token_hex(3)}", migrated_template) as name:
        yield _database(servers, name)


@pytest.fixture(scope="module")
def empty_database_url(servers: Servers) -> Iterator[str]:
    """A database of the module's own with nothing in it."""
    with _made(servers, f"daybook_test_{os.getpid()}_{secrets.token_hex(3)}_empty") as name:
        yield _database(servers, name)


@pytest.fixture(scope="session")
def redis_url(servers: Servers) -> str:
    return servers.redis_url


@pytest.fixture(scope="module")
def key_prefix(redis_url: str) -> Iterator[str]:
    """A prefix of the module's own for its Redis keys, which are deleted at the end."""
    prefix = f"daybook-test-{os.getpid()}-{secrets.token_hex(3)}:"
    yield prefix
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter(match=f"{prefix}*", count=1_000):
            client.unlink(key)


@pytest.fixture(scope="session", autouse=True)
def redis_timeout_s() -> Iterator[float]:
    """How long Redis is waited for in production. In tests it is longer: on a busy machine nothing is answered in a
    moment, and a Redis that was late is passed over for a second."""
    with pytest.MonkeyPatch.context() as patched:
        in_production = caching.TIMEOUT_S
        patched.setattr(caching, "TIMEOUT_S", 10.0)
        yield in_production


@pytest.fixture(scope="module", autouse=True)
def leftovers(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a module has left open is found at its end, so that it fails that module and not a later one."""
    yield
    if "unit" not in request.path.parts:
        gc.collect()


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A test may set up the process's logs, as every command of the tool does: then they go where pytest wants them."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    structlog.reset_defaults()
    log._of_request.set({})


@contextmanager
def _made(servers: Servers, name: str, template: str = "template1") -> Iterator[str]:
    """A database of this name, as long as it is wanted."""
    named = Identifier(name)
    # Without fsync, files are copied in less time than their pages are written to the log.
    strategy = SQL("WAL_LOG" if servers.database_url == os.environ.get("TEST_DATABASE_URL") else "FILE_COPY")
    copied = SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY {}").format(named, Identifier(template), strategy)
    _administer(servers, copied)
    try:
        yield name
    finally:
        _administer(servers, SQL("DROP DATABASE {} WITH (FORCE)").format(named))


def _in_memory() -> Path | None:
    """Hundreds of databases are made and dropped: on a disk that others write to as well, that is most of the time."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES else None


def _administer(servers: Servers, *statements: SQL | Composed) -> None:
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def _database(servers: Servers, name: str) -> str:
    return urlunsplit(urlsplit(servers.database_url)._replace(path=f"/{name}"))
