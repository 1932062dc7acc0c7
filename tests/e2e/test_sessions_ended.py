"""Sessions over HTTP: listed and revoked, here and in every other process."""

from collections.abc import AsyncIterator

import jwt
import pytest
import pytest_asyncio

from infrastructure.settings import Settings
from tests.e2e.shop_client import ShopClient, open_client
from tests.e2e.signing_in import facts, is_in, refresh, signed_in, with_token
from tests.waiting import TRIES, eventually, takes_less_than


async def test_logging_out_ends_the_session_and_its_access_token_at_once(shop_client: ShopClient) -> None:
    caller, tokens = await signed_in(shop_client)
    answer = await with_token(shop_client, tokens).post("/v1/auth/logout", key="")
    assert answer.status_code == 200, answer.text
    assert not await is_in(shop_client, tokens)
    assert (await refresh(shop_client, tokens["refresh_token"])).status_code == 401
    assert (await caller.get("/v1/me")).status_code == 200
    assert await facts(shop_client, tokens["session_id"]) == ["SignedIn", "SessionEnded"]


async def test_sessions_are_listed_and_one_of_them_is_ended(shop_client: ShopClient) -> None:
    caller, tokens = await signed_in(shop_client)
    listed = (await with_token(shop_client, tokens).get("/v1/auth/sessions")).json()["data"]
    assert len(listed) == 2
    assert [each["session_id"] for each in listed if each["current"]] == [tokens["session_id"]]
    assert "tests/1" in {each["device"] for each in listed}
    gone = await caller.request("DELETE", f"/v1/auth/sessions/{tokens['session_id']}")
    assert gone.status_code == 200, gone.text
    assert not await is_in(shop_client, tokens)
    assert len((await caller.get("/v1/auth/sessions")).json()["data"]) == 1


async def test_other_peoples_sessions_are_not_there(shop_client: ShopClient) -> None:
    _, tokens = await signed_in(shop_client)
    stranger = await shop_client.sign_up()
    answer = await stranger.request("DELETE", f"/v1/auth/sessions/{tokens['session_id']}")
    assert answer.status_code == 404
    assert await is_in(shop_client, tokens)


async def test_logging_out_everywhere_ends_every_session(shop_client: ShopClient) -> None:
    caller, tokens = await signed_in(shop_client)
    assert (await caller.post("/v1/auth/logout-all", key="")).status_code == 200
    assert not await is_in(shop_client, tokens)
    assert (await caller.get("/v1/me")).status_code == 401
    assert (await refresh(shop_client, tokens["refresh_token"])).status_code == 401


@pytest_asyncio.fixture(loop_scope="module")
async def elsewhere(settings: Settings, shop_client: ShopClient) -> AsyncIterator[ShopClient]:
    """Another process of the same shop, as far as it can be had in this one."""
    async with open_client(settings.model_copy(update={"workers_in_process": False})) as client:
        yield client


async def test_what_is_revoked_here_is_known_elsewhere_within_a_second(
    shop_client: ShopClient, elsewhere: ShopClient
) -> None:
    people = [(await signed_in(shop_client))[1] for _ in range(TRIES)]

    async def revoked() -> None:
        tokens = people.pop()
        assert await is_in(elsewhere, tokens)
        await with_token(shop_client, tokens).post("/v1/auth/logout", key="")

        async def told() -> bool:
            return not await is_in(elsewhere, tokens)

        await eventually(told)

    assert await takes_less_than(1.5, revoked)


async def test_staff_are_not_let_in_by_who_cannot_tell_what_was_revoked(
    elsewhere: ShopClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff, customer = await elsewhere.staff(), await elsewhere.customer()
    assert (await staff.get("/v1/me")).status_code == 200
    monkeypatch.setattr("infrastructure.sessions.DEAF_AFTER_S", -1.0)
    assert (await staff.get("/v1/me")).status_code == 503
    assert (await customer.get("/v1/me")).status_code == 200


async def test_keys_change_without_logging_anyone_out(
    shop_client: ShopClient, elsewhere: ShopClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, before = await signed_in(shop_client)
    await shop_client.shop.sessions.rotate_keys()
    for client in (shop_client, elsewhere):
        await client.shop.sessions.ask()
    keys = (await elsewhere.guest().get("/.well-known/jwks.json")).json()["keys"]
    assert len(keys) == 2
    monkeypatch.setattr("infrastructure.access_tokens.ANNOUNCED_S", 0)
    _, after = await signed_in(shop_client)
    kids = [jwt.get_unverified_header(tokens["access_token"])["kid"] for tokens in (before, after)]
    assert kids == [key["kid"] for key in keys]
    for client in (shop_client, elsewhere):
        assert await is_in(client, before)
        assert await is_in(client, after)
    public = jwt.PyJWK(keys[1])
    claims = jwt.decode(after["access_token"], public, ["EdDSA"], audience="daybook", issuer="daybook")
    assert claims["sid"] == after["session_id"]
