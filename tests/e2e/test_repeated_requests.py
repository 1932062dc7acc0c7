"""The same key again, where what the first request has done would keep the endpoint from answering the same."""

import secrets

import pytest

from infrastructure.settings import Settings
from tests.e2e.shop_client import PASSWORD, Caller, ShopClient
from tests.e2e.test_commands import problem
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE

NEW = "another horse 8"


async def change(caller: Caller, key: str, **body: str) -> tuple[int, bytes, str | None]:
    answer = await caller.request("PATCH", "/v1/me", json=body, headers={"Idempotency-Key": key})
    return answer.status_code, answer.content, answer.headers.get("Idempotent-Replayed")


async def test_a_new_password_is_set_once_though_the_old_one_proves_nothing_any_more(shop_client: ShopClient) -> None:
    ann, body = await shop_client.sign_up(), {"current_password": PASSWORD, "password": NEW}
    status, first, replayed = await change(ann, "new", **body)
    assert (status, replayed) == (200, None)
    assert await change(ann, "new", **body) == (200, first, "true")
    assert (await change(ann, "new", **{**body, "password": "a third horse 9"}))[0] == 422
    assert (await change(ann, "other", **body))[0] == 403
    await shop_client.log_in(ann.email, NEW)


async def test_who_registers_twice_with_one_key_is_told_of_one_account(shop_client: ShopClient) -> None:
    email = f"{secrets.token_hex(6)}@example.com"
    body, guest = {"email": email, "password": PASSWORD, "name": "Ann"}, shop_client.guest()
    first = await guest.post("/v1/auth/register", body, key="1")
    head = await shop_client.shop.store.head()
    again = await guest.post("/v1/auth/register", body, key="1")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert all(again.headers[name] == first.headers[name] for name in ("ETag", "Commit-Position"))
    assert await shop_client.shop.store.head() == head
    caller = await shop_client.log_in(email)
    assert (await caller.get("/v1/me")).json()["user_id"] == first.json()["user_id"]
    other_password = await guest.post("/v1/auth/register", {**body, "password": NEW}, key="1")
    problem(other_password, 422, "idempotency_key_reused")
    other = await guest.post("/v1/auth/register", {**body, "email": f"b{email}"}, key="1")
    assert other.status_code == 201, "somebody else may have chosen the same key"


async def test_a_location_that_was_opened_again_is_not_closed_by_a_repetition(shop_client: ShopClient) -> None:
    staff, place = await shop_client.staff(), f"l{secrets.token_hex(4)}"
    path, key = f"/v1/stock-locations/{place}", {"Idempotency-Key": "close"}
    await staff.request("PUT", path)
    first = await staff.request("DELETE", path, headers=key)
    await staff.request("PUT", path)
    head = await shop_client.shop.store.head()
    again = await staff.request("DELETE", path, headers=key)
    assert (again.status_code, again.content) == (200, first.content)
    assert await shop_client.shop.store.head() == head


async def test_no_password_is_found_by_what_is_kept_of_a_request(
    shop_client: ShopClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even by who has read all of the database: a plain hash of the body could be tried out a million times a
    second. Made with another secret it is another one."""
    ann, body = await shop_client.sign_up(), {"current_password": PASSWORD, "password": NEW}
    await change(ann, "mine", **body)
    with monkeypatch.context() as patched:
        patched.setattr(Settings, "signing_key", lambda _: "x" * 40)
        assert (await change(ann, "mine", **body))[0] == 422
    assert (await change(ann, "mine", **body))[2] == "true"
