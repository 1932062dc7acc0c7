"""What tests stand on: real servers, embedded and outside, and in them a database and a key prefix for each module."""

import asyncio
import logging
import os
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis
import structlog
from psycopg.sql import SQL, Identifier

from infrastructure import migrations
from infrastructure.embedded import Servers, throwaway_servers
from tests import pgbouncer

# It is not on PyPI, so a machine may lack it; `.ci/run` installs it, and the header of a run says so.
collect_ignore = [] if pgbouncer.PROGRAM else ["e2e/test_pgbouncer.py"]
OUTSIDE = {"TEST_DATABASE_URL", "TEST_REDIS_URL"} <= os.environ.keys()


def pytest_report_header() -> str:
    program = pgbouncer.PROGRAM or "not on this machine: tests/e2e/test_pgbouncer.py is left out (see .ci/run)"
    return f"pgbouncer: {program}"


@pytest.fixture(scope="session", params=["embedded", "external"] if OUTSIDE else ["embedded"])
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """PostgreSQL and Redis; every test that asks for them runs once on each pair."""
    if request.param == "external":
        yield Servers(os.environ["TEST_DATABASE_URL"], os.environ["TEST_REDIS_URL"])
    else:
        with throwaway_servers() as embedded:
            yield embedded


@pytest.fixture(scope="session")
def migrated_template(servers: Servers) -> Iterator[str]:
    """The name of a migrated database to copy, since copying is faster than migrating."""
    name = f"daybook_test_{os.getpid()}_{secrets.token_hex(3)}"
    _administer(servers, SQL("CREATE DATABASE {}").format(Identifier(name)))
    asyncio.run(migrations.upgrade(_database(servers, name)))
    yield name
    _administer(servers, SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture(scope="module")
def database_url(servers: Servers, migrated_template: str) -> Iterator[str]:
    """A migrated database of the module's own."""
    name = f"{migrated_template}_{secrets.token_hex(3)}"
    _administer(servers, SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(migrated_template)))
    yield _database(servers, name)
    _administer(servers, SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
def own_database_url(servers: Servers, migrated_template: str) -> Iterator[str]:
    """A migrated database of the test's own, where the book begins with position 1."""
    name = f"{migrated_template}_{secrets.token_hex(3)}"
    _administer(servers, SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(migrated_template)))
    yield _database(servers, name)
    _administer(servers, SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture(scope="module")
def empty_database_url(servers: Servers) -> Iterator[str]:
    """A database of the module's own with nothing in it."""
    name = f"daybook_test_{os.getpid()}_{secrets.token_hex(3)}_empty"
    _administer(servers, SQL("CREATE DATABASE {}").format(Identifier(name)))
    yield _database(servers, name)
    _administer(servers, SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


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


@pytest.fixture
def logs_as_they_were() -> Iterator[None]:
    """For tests of what sets up the process's logs: afterwards they go where pytest wants them."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def _administer(servers: Servers, statement: psycopg.sql.Composed) -> None:
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(statement)


def _database(servers: Servers, name: str) -> str:
    return urlunsplit(urlsplit(servers.database_url)._replace(path=f"/{name}"))
