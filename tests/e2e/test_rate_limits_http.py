"""Who asks too often, or guesses: what the answers say, and that it passes."""

import asyncio
from typing import Any

import httpx
import pytest

from infrastructure.settings import Settings
from tests.e2e.shop_client import PASSWORD, ShopClient, open_client
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE


async def login(client: ShopClient, email: str, password: str, address: str = "127.0.0.1") -> httpx.Response:
    transport = httpx.ASGITransport(client.app, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as http:
        return await http.post("/v1/auth/login", data={"username": email, "password": password})


async def test_every_answer_says_how_much_is_left(shop_client: ShopClient) -> None:
    guest = shop_client.guest()
    first, second = [await guest.request("GET", "/v1/categories") for _ in range(2)]
    assert first.headers["RateLimit-Policy"] == '"queries";q=120000;w=60'
    assert first.headers["X-RateLimit-Limit"] == "120000"
    assert int(second.headers["X-RateLimit-Remaining"]) < 120_000
    assert second.headers["RateLimit"].startswith('"queries";r=')
    command = await guest.request("DELETE", "/v1/cart")
    assert command.headers["RateLimit-Policy"].startswith('"commands"')
    assert "RateLimit" not in (await guest.request("GET", "/health/live")).headers


async def test_who_runs_wild_is_stopped_and_others_are_not(settings: Settings) -> None:
    few = settings.model_copy(update={"queries_per_minute": 5, "commands_per_minute": 2, "workers_in_process": False})
    async with open_client(few) as client:
        ann, bob = await client.customer(), await client.customer()
        answers = [await ann.request("GET", "/v1/categories") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        problem = answers[-1].json()
        assert (problem["code"], problem["status"]) == ("too_many_requests", 429)
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 12
        assert answers[-1].headers["X-RateLimit-Remaining"] == "0"
        assert (await bob.request("GET", "/v1/categories")).status_code == 200
        assert (await ann.request("DELETE", "/v1/wishlist/SKU")).status_code == 200
        nobody = {"Authorization": "Bearer x.y.z"}
        forged = [await client.http.get("/v1/categories", headers=nobody) for _ in range(6)]
        assert forged[-1].status_code == 429  # a new token for each request is no way around


async def test_guesses_are_slowed_down_even_side_by_side_and_others_still_get_in(shop_client: ShopClient) -> None:
    caller = await shop_client.sign_up()
    guesses = await asyncio.gather(*(login(shop_client, caller.email, f"guess {n}", "198.51.100.1") for n in range(40)))
    assert sorted(guess.status_code for guess in guesses) == [401] * 20 + [429] * 20
    slowed = await login(shop_client, caller.email, PASSWORD, "198.51.100.1")
    assert slowed.status_code == 429  # also with the right one, or the answer would tell
    assert 1 <= int(slowed.headers["Retry-After"]) <= 30
    assert (await login(shop_client, caller.email, PASSWORD, "203.0.113.9")).status_code == 200
    for address in ("198.51.100.1", "203.0.113.9"):
        nobody = await login(shop_client, "nobody@example.com", "guess", address)
        assert nobody.status_code == 401


async def test_the_right_password_costs_nothing(shop_client: ShopClient) -> None:
    caller = await shop_client.sign_up()
    for _ in range(25):
        assert (await login(shop_client, caller.email, PASSWORD, "203.0.113.77")).status_code == 200


async def test_without_redis_sign_ins_go_on_and_guesses_are_counted(settings: Settings) -> None:
    from pydantic import SecretStr

    away: dict[str, Any] = {"redis_url": SecretStr("redis://127.0.0.1:1/0"), "workers_in_process": False}
    async with open_client(settings.model_copy(update=away)) as client:
        caller = await client.sign_up()
        assert (await login(client, caller.email, PASSWORD, "203.0.113.5")).status_code == 200
        assert (await caller.post("/v1/auth/logout", key="")).status_code == 200
        assert (await caller.get("/v1/me")).status_code == 401
        guesses = [await login(client, caller.email, "wrong", "198.51.100.5") for _ in range(21)]
        assert [guess.status_code for guess in guesses] == [401] * 20 + [429]


@pytest.mark.parametrize(
    ("host", "status"),
    [("api.shop.test", 200), ("api.shop.test:8000", 200), ("x.eu.shop.test", 200), ("evil.test", 400), ("", 400)],
)
async def test_only_requests_for_us_are_answered(settings: Settings, host: str, status: int) -> None:
    hosts = {"allowed_hosts": "api.shop.test, *.eu.shop.test", "cors_origins": "https://shop.test"}
    async with open_client(settings.model_copy(update={**hosts, "workers_in_process": False})) as client:
        answer = await client.http.get("/health/live", headers={"Host": host})
        assert answer.status_code == status
        assert answer.headers["Request-Id"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_web_pages_from_elsewhere_may_call_only_if_they_are_named(settings: Settings) -> None:
    named = settings.model_copy(update={"cors_origins": "https://shop.test", "workers_in_process": False})
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    async with open_client(named) as client:
        for origin, allowed in (("https://shop.test", "https://shop.test"), ("https://evil.test", None)):
            headers = {"Origin": origin, **asked}
            preflight = await client.http.options("/v1/cart/lines", headers=headers)
            assert preflight.headers.get("Access-Control-Allow-Origin") == allowed
            answer = await client.http.get("/v1/categories", headers={"Origin": origin})
            assert answer.headers.get("Access-Control-Allow-Origin") == allowed
            assert "Access-Control-Allow-Credentials" not in answer.headers
