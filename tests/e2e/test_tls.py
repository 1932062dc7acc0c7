"""The shop's connections with TLS: who is trusted, and what an operator reads when the wrong one is.

The embedded PostgreSQL is built without TLS, so a relay that speaks it stands in front of whichever server is there.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import pytest_asyncio

from api.cli import call, server
from api.cli.outcome import ExitCode
from infrastructure import migrations
from infrastructure.cache import CacheRefused, open_cache
from infrastructure.database import connect
from tests.e2e.shop_client import open_client, settings_for
from tests.kinds import EMBEDDED_ALONE
from tests.relay import Relay, relay, through
from tests.tls import Authority
from tests.tool import environment, tell

pytestmark = EMBEDDED_ALONE


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"), "another")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def postgres(authority: Authority, database_url: str) -> AsyncIterator[Relay]:
    """The module's database, reached with TLS only."""
    async with relay(database_url, authority.certify("127.0.0.1")) as postgres:
        yield postgres


@pytest.fixture
def bare_url(postgres: Relay, database_url: str) -> str:
    return through(postgres, database_url).partition("?")[0]


async def test_a_shop_works_with_everything_encrypted_and_verified(
    bare_url: str, postgres: Relay, authority: Authority, redis_url: str, key_prefix: str, tmp_path: Path
) -> None:
    url = f"{bare_url}?sslmode=verify-full&sslrootcert={authority.root}&channel_binding=require"
    await migrations.downgrade(url, "0004")
    await migrations.upgrade(url)
    async with relay(redis_url, authority.certify("localhost")) as redis:
        cache_url = f"rediss://localhost:{redis.port}/0?ssl_ca_certs={authority.root}"
        async with open_client(settings_for(url, cache_url, key_prefix, tmp_path)) as client:
            product = await client.product(stock=3)
            customer = await client.customer()
            await client.paid_order(customer, {product.sku: 1})
            assert (await client.guest().request("GET", f"/v1/products/{product.slug}")).status_code == 200
            assert await client.shop.cache.alive()
    assert redis.accepted > 0
    assert postgres.encrypted > 4


@pytest.mark.parametrize("query", ["sslmode=require", "sslmode=require&channel_binding=require", "sslmode=prefer", ""])
async def test_where_nobody_is_to_be_verified_it_is_encrypted_all_the_same(
    bare_url: str, postgres: Relay, query: str
) -> None:
    before = postgres.encrypted
    connection = await connect(f"{bare_url}?{query}")
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()
    assert postgres.encrypted == before + 1


STRANGER = "sslmode=verify-full&sslrootcert={stranger}"


@pytest.mark.parametrize(
    ("command", "query", "said"),
    [
        ("migrate", STRANGER, "its certificate is not trusted"),
        ("serve --port 0", STRANGER, "its certificate is not trusted"),
        ("worker", STRANGER, "its certificate is not trusted"),
        ("migrate", "sslmode=verify-ca&sslrootcert={stranger}", "its certificate is not trusted"),
        ("migrate", "sslmode=verify-full&sslrootcert=system", "its certificate is not trusted"),
        ("migrate", "sslmode=verify-full&sslrootcert=/nowhere.crt", "there is no file /nowhere.crt"),
    ],
)
async def test_whom_we_should_not_trust_is_refused_in_one_clear_line(
    bare_url: str,
    stranger: Authority,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    query: str,
    said: str,
) -> None:
    url = f"{bare_url}?{query.format(stranger=stranger.root)}"
    monkeypatch.setattr(server, "stopped_by_signals", nullcontext)  # only the main thread may hear them
    tell(monkeypatch, environment(url, redis_url, tmp_path, DAYBOOK_GATEWAY_URL="http://127.0.0.1:9"))
    assert await asyncio.to_thread(call, command.split()) in (ExitCode.USAGE, ExitCode.UNAVAILABLE)
    line = capsys.readouterr().err.strip()
    assert said in line and "\n" not in line, line


async def test_a_host_by_another_name_is_not_the_one_that_was_certified(bare_url: str, authority: Authority) -> None:
    url = f"{bare_url.replace('127.0.0.1', 'localhost')}?sslrootcert={authority.root}&sslmode="
    await (await connect(f"{url}verify-ca")).close()
    with pytest.raises(ssl.SSLCertVerificationError):
        await connect(f"{url}verify-full")


async def test_a_redis_of_another_authority_is_refused(
    redis_url: str, authority: Authority, stranger: Authority
) -> None:
    async with relay(redis_url, stranger.certify("localhost")) as redis:
        with pytest.raises(CacheRefused, match="certificate of Redis is not trusted"):
            async with open_cache(f"rediss://localhost:{redis.port}/0?ssl_ca_certs={authority.root}", "tls:"):
                pass
