"""The same key again, where what the first request has done would keep the endpoint from answering the same."""

import itertools
import secrets
from typing import Any

import pytest

from commands.handler import Done, Handler
from events.store import StoreBusy
from events.user import PasswordChanged
from infrastructure.settings import Settings
from tests.e2e.shop_client import PASSWORD, Caller, ShopClient
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
    assert (await change(ann, "other", **{**body, "password": "a third horse 9"}))[0] == 403
    await shop_client.log_in(ann.email, NEW)


async def test_who_registers_twice_with_one_key_is_told_of_one_account_and_nobody_else_is(
    shop_client: ShopClient,
) -> None:
    email = f"{secrets.token_hex(6)}@example.com"
    body, guest = {"email": email, "password": PASSWORD, "name": "Ann"}, shop_client.guest()
    first = await guest.post("/v1/auth/register", body, key="1")
    again = await guest.post("/v1/auth/register", body, key="1")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    caller = await shop_client.log_in(email)
    assert (await caller.get("/v1/me")).json()["user_id"] == first.json()["user_id"]
    for change, key in (({"password": NEW}, "1"), ({"email": f"b{email}"}, "1"), ({}, "2"), ({}, "")):
        other = await guest.post("/v1/auth/register", body | change, key=key)
        assert other.status_code == 201, "nobody is told that this key was used"
        assert list(other.headers) == list(again.headers) == list(first.headers)
        assert other.json()["user_id"] != first.json()["user_id"]


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, after all that an endpoint does before its facts."""
    real, so_far = Handler._handle, itertools.count()

    async def handle(*arguments: Any) -> Done:
        if next(so_far) == 0:
            raise StoreBusy("for a test")
        return await real(*arguments)

    monkeypatch.setattr(Handler, "_handle", handle)


async def test_a_registration_that_stopped_half_way_goes_on(shop_client: ShopClient, busy: None) -> None:
    email = f"{secrets.token_hex(6)}@example.com"
    body, guest = {"email": email, "password": PASSWORD, "name": "Ann"}, shop_client.guest()
    assert (await guest.post("/v1/auth/register", body, key="1")).status_code == 503
    registered = await guest.post("/v1/auth/register", body, key="1")
    me = (await (await shop_client.log_in(email)).get("/v1/me")).json()
    assert (me["user_id"], me["name"]) == (registered.json()["user_id"], "Ann")


async def test_a_new_password_that_was_set_half_way_is_set(
    shop_client: ShopClient, request: pytest.FixtureRequest
) -> None:
    ann, body = await shop_client.sign_up(), {"current_password": PASSWORD, "password": NEW}
    request.getfixturevalue("busy")
    assert (await change(ann, "new", **body))[0] == 503
    assert (await change(ann, "new", **body))[0] == 200
    assert (await change(ann, "other", current_password=PASSWORD, password="a third horse 9"))[0] == 403
    facts = await shop_client.shop.store.read([f"user-{ann.user_id}"])
    assert [type(fact.event) for fact in facts].count(PasswordChanged) == 1


async def test_a_location_is_closed_only_at_the_version_that_was_seen(shop_client: ShopClient) -> None:
    staff, place = await shop_client.staff(), f"l{secrets.token_hex(4)}"
    opened = await staff.request("PUT", path := f"/v1/stock-locations/{place}")
    head = await shop_client.shop.store.head()
    for seen, status in (("junk", 400), ('"999999"', 412)):
        assert (await staff.request("DELETE", path, headers={"If-Match": seen})).status_code == status
        assert await shop_client.shop.store.head() == head, "nothing of it was begun"
    assert (await staff.request("DELETE", path, headers={"If-Match": opened.headers["ETag"]})).status_code == 200


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
