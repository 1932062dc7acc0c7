"""Sessions over HTTP: tokens that are exchanged, and those that are used twice."""

import asyncio
import secrets

from tests.e2e.shop_client import PASSWORD, ShopClient
from tests.e2e.signing_in import facts, is_in, later, log_in, refresh, signed_in


async def test_a_refresh_token_is_exchanged_for_a_successor_and_a_fresh_access_token(shop_client: ShopClient) -> None:
    _, first = await signed_in(shop_client)
    answer = await refresh(shop_client, first["refresh_token"])
    assert answer.status_code == 200, answer.text
    second = answer.json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["session_id"] == first["session_id"]
    assert await is_in(shop_client, second)
    assert (await refresh(shop_client, second["refresh_token"])).status_code == 200
    assert await facts(shop_client, first["session_id"]) == ["SignedIn"]


async def test_no_token_and_no_hash_is_kept_where_it_could_be_used(shop_client: ShopClient) -> None:
    _, tokens = await signed_in(shop_client)
    secret = tokens["refresh_token"].split(".")[1]
    row = await shop_client.shop.pool.fetchrow("SELECT * FROM sessions WHERE session_id = $1", tokens["session_id"])
    assert secret not in repr(dict(row))
    bodies = await shop_client.shop.pool.fetchval("SELECT string_agg(body::text, ' ') FROM facts")
    assert tokens["session_id"] in bodies
    assert secret not in bodies
    assert row["token_hash"].hex() not in bodies


async def test_a_lost_answer_is_given_again_for_a_moment(shop_client: ShopClient) -> None:
    _, tokens = await signed_in(shop_client)
    first = (await refresh(shop_client, tokens["refresh_token"])).json()
    again = (await refresh(shop_client, tokens["refresh_token"])).json()
    assert again["refresh_token"] == first["refresh_token"]
    assert await is_in(shop_client, first)


async def test_a_token_that_comes_again_later_ends_its_session(shop_client: ShopClient) -> None:
    _, tokens = await signed_in(shop_client)
    second = (await refresh(shop_client, tokens["refresh_token"])).json()
    await later(shop_client, tokens["session_id"])
    assert (await refresh(shop_client, tokens["refresh_token"])).json()["code"] == "invalid_refresh_token"
    assert (await refresh(shop_client, second["refresh_token"])).status_code == 401
    assert not await is_in(shop_client, second)
    assert await facts(shop_client, tokens["session_id"]) == ["SignedIn", "RefreshReused", "SessionEnded"]


async def test_a_token_from_before_the_last_ends_its_session_at_once(shop_client: ShopClient) -> None:
    _, tokens = await signed_in(shop_client)
    second = (await refresh(shop_client, tokens["refresh_token"])).json()
    third = (await refresh(shop_client, second["refresh_token"])).json()
    assert (await refresh(shop_client, tokens["refresh_token"])).status_code == 401
    assert (await refresh(shop_client, third["refresh_token"])).status_code == 401


async def test_a_made_up_token_ends_nothing(shop_client: ShopClient) -> None:
    """Session ids are no secrets: whoever knows one must not be able to end it."""
    _, tokens = await signed_in(shop_client)
    for made_up in (
        f"{tokens['session_id']}.{secrets.token_urlsafe(32)}.{secrets.token_urlsafe(16)}",
        tokens["refresh_token"][:-1] + ("A" if tokens["refresh_token"][-1] != "A" else "B"),
        tokens["session_id"],
        "",
        "\x00.\x00",
        "ü.ü",
    ):
        assert (await refresh(shop_client, made_up)).status_code == 401, made_up
    assert (await refresh(shop_client, tokens["refresh_token"])).status_code == 200


async def test_of_two_hundred_who_exchange_one_token_all_get_the_same_successor(shop_client: ShopClient) -> None:
    _, tokens = await signed_in(shop_client)
    answers = await asyncio.gather(*(refresh(shop_client, tokens["refresh_token"]) for _ in range(200)))
    assert {answer.status_code for answer in answers} == {200}
    successors = {answer.json()["refresh_token"] for answer in answers}
    assert len(successors) == 1
    row = await shop_client.shop.pool.fetchrow(
        "SELECT count(*) AS live FROM sessions WHERE session_id = $1 AND ended_at IS NULL", tokens["session_id"]
    )
    assert row["live"] == 1
    assert (await refresh(shop_client, successors.pop())).status_code == 200


async def test_two_generations_raced_leave_one_live_token_or_none(shop_client: ShopClient) -> None:
    """Old and new token at once, again and again: never are there two that can still be exchanged."""
    _, tokens = await signed_in(shop_client)
    live = [tokens["refresh_token"]]
    for _ in range(5):
        answers = await asyncio.gather(*(refresh(shop_client, token) for token in live[-2:] for _ in range(20)))
        live += {answer.json()["refresh_token"] for answer in answers if answer.status_code == 200} - set(live)
    await later(shop_client, tokens["session_id"])
    exchanged = [(await refresh(shop_client, token)).status_code for token in live]
    assert exchanged.count(200) <= 1


async def test_idle_and_old_sessions_are_over(shop_client: ShopClient) -> None:
    _, idle = await signed_in(shop_client)
    await later(shop_client, idle["session_id"], shop_client.shop.settings.session_idle_days * 86_400 + 60)
    assert (await refresh(shop_client, idle["refresh_token"])).status_code == 401
    _, old = await signed_in(shop_client)
    await shop_client.shop.pool.execute(
        "UPDATE sessions SET expires_at = now() - interval '1 s' WHERE session_id = $1", old["session_id"]
    )
    assert (await refresh(shop_client, old["refresh_token"])).status_code == 401


async def test_the_wrong_password_is_written_down_but_not_every_time(shop_client: ShopClient) -> None:
    caller = await shop_client.sign_up()
    for _ in range(8):
        form = {"username": caller.email, "password": "wrong"}
        await shop_client.guest().request("POST", "/v1/auth/login", data=form)
    admin = await shop_client.admin()
    refused = (await admin.get(f"/v1/streams/refusals-{caller.user_id}/events")).json()["data"]
    assert [fact["type"] for fact in refused] == ["SignInRefused"] * 5


async def test_hashes_of_a_lower_cost_are_renewed_at_sign_in(shop_client: ShopClient) -> None:
    caller = await shop_client.sign_up()
    accounts = shop_client.shop.accounts
    now = accounts._rounds
    try:
        accounts._rounds = now - 1
        await accounts.set_password(caller.user_id, PASSWORD)
    finally:
        accounts._rounds = now
    hashed = "SELECT password_hash FROM credentials WHERE user_id = $1"
    assert (await shop_client.shop.pool.fetchval(hashed, caller.user_id)).startswith(f"$2b${now - 1:02}$")
    await log_in(shop_client, caller.email)
    assert (await shop_client.shop.pool.fetchval(hashed, caller.user_id)).startswith(f"$2b${now}$")
    await log_in(shop_client, caller.email)
