"""Redis is killed in the middle of sign-ins: who should gets in, who should not does not, and guesses still count."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator

import pytest
import redis.asyncio
from pydantic import SecretStr

from infrastructure.embedded.sharing import shared
from infrastructure.settings import Settings
from tests.e2e.shop_client import PASSWORD, Caller, ShopClient
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE

AT_ONCE = 6


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One that nobody else needs."""
    with shared("valkey", tmp_path_factory.mktemp("redis"), throwaway=True) as url:
        yield url


@pytest.fixture(scope="module")
def settings(settings: Settings, own_redis: str) -> Settings:
    return settings.model_copy(update={"redis_url": SecretStr(own_redis)})


async def log_in(client: ShopClient, email: str, password: str) -> int:
    form = {"username": email, "password": password}
    return (await client.guest().request("POST", "/v1/auth/login", data=form)).status_code


async def kill(url: str) -> None:
    """Unless it is dead already."""
    with contextlib.suppress(redis.exceptions.ConnectionError):
        async with redis.asyncio.Redis.from_url(url) as client:
            process = (await client.info("server"))["process_id"]
        os.kill(process, signal.SIGKILL)


async def test_it_lets_nobody_in_and_keeps_nobody_out(shop_client: ShopClient, own_redis: str) -> None:
    people = [await shop_client.sign_up() for _ in range(3)]
    out = await shop_client.log_in(people[0].email)
    assert (await out.post("/v1/auth/logout", key="")).status_code == 200
    form = {"username": people[0].email, "password": PASSWORD}
    tokens = (await shop_client.guest().request("POST", "/v1/auth/login", data=form)).json()

    turns, first, killed = asyncio.Semaphore(AT_ONCE), asyncio.Event(), asyncio.Event()

    async def tried(email: str, password: str) -> int:
        async with turns:
            if first.is_set():
                await killed.wait()
            status = await log_in(shop_client, email, password)
        first.set()  # others are under way then
        return status

    tries = [(each.email, password) for _ in range(4) for each in people for password in (PASSWORD, "wrong")]
    under_way = [asyncio.create_task(tried(*each)) for each in tries]
    await first.wait()
    await kill(own_redis)
    killed.set()
    statuses = await asyncio.gather(*under_way)
    assert [status for (_, password), status in zip(tries, statuses, strict=True) if password == PASSWORD] == [200] * 12
    assert [status for (_, password), status in zip(tries, statuses, strict=True) if password == "wrong"] == [401] * 12

    # It is gone: what was revoked stays so, tokens are exchanged, sessions end, and staff come in.
    assert (await out.get("/v1/me")).status_code == 401
    renewed = await shop_client.guest().post("/v1/auth/refresh", {"refresh_token": tokens["refresh_token"]}, key="")
    assert renewed.status_code == 200
    again = Caller(shop_client, renewed.json()["access_token"])
    assert (await again.post("/v1/auth/logout", key="")).status_code == 200
    assert (await again.get("/v1/me")).status_code == 401
    assert (await (await shop_client.admin()).get("/v1/admin/users")).status_code == 200


async def test_guesses_are_counted_in_memory_then(shop_client: ShopClient, own_redis: str) -> None:
    await kill(own_redis)
    ann, bob = await shop_client.sign_up(), await shop_client.sign_up()
    statuses = await asyncio.gather(*(log_in(shop_client, ann.email, f"guess {n}") for n in range(40)))
    assert 20 <= statuses.count(401) < 40
    assert set(statuses) == {401, 429}
    assert await log_in(shop_client, bob.email, PASSWORD) == 200
