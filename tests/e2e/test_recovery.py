"""Letters with tokens: verification and new passwords, and that nobody learns from them who has an account."""

from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from api.commands import recovery
from infrastructure.limits import Limit
from infrastructure.mail.post import FolderPost, Letter
from tests.e2e.mailbox import Mailbox
from tests.e2e.shop_client import PASSWORD, Caller, ShopClient
from tests.kinds import EMBEDDED_ALONE
from tests.waiting import eventually, takes_as_long

pytestmark = EMBEDDED_ALONE

NEW = "another horse 8"


async def ask(client: ShopClient, what: str, email: str) -> Any:
    return await client.guest().post(f"/v1/auth/{what}", {"email": email}, key="")


async def log_in_status(client: ShopClient, email: str, password: str) -> int:
    form = {"username": email, "password": password}
    return (await client.guest().request("POST", "/v1/auth/login", data=form)).status_code


async def test_a_letter_to_who_registers_verifies_the_address_once(shop_client: ShopClient, mailbox: Mailbox) -> None:
    caller = await shop_client.sign_up()
    assert (await caller.get("/v1/me")).json()["verified"] is False
    token = await mailbox.token(caller.email, "is this your address")
    confirm = {"token": token}
    answer = await shop_client.guest().post("/v1/auth/email-verification/confirm", confirm, key="")
    assert answer.status_code == 200, answer.text
    assert (await caller.get("/v1/me")).json()["verified"] is True
    again = await shop_client.guest().post("/v1/auth/email-verification/confirm", confirm, key="")
    assert (again.status_code, again.json()["code"]) == (422, "invalid_mailed_token")


async def test_a_new_password_ends_all_sessions_and_is_told(shop_client: ShopClient, mailbox: Mailbox) -> None:
    caller = await shop_client.sign_up()
    assert (await ask(shop_client, "password-reset", caller.email.upper())).status_code == 202
    body = {"token": await mailbox.token(caller.email, "a new password"), "password": NEW}
    answer = await shop_client.guest().post("/v1/auth/password-reset/confirm", body, key="")
    assert answer.status_code == 200, answer.text
    assert (await caller.get("/v1/me")).status_code == 401
    assert await log_in_status(shop_client, caller.email, PASSWORD) == 401
    assert await log_in_status(shop_client, caller.email, NEW) == 200
    assert (await shop_client.guest().post("/v1/auth/password-reset/confirm", body, key="")).status_code == 422
    await mailbox.letter(caller.email, "your password has changed")


async def test_a_token_is_good_for_its_own_purpose_and_only_the_newest_one(
    shop_client: ShopClient, mailbox: Mailbox
) -> None:
    caller = await shop_client.sign_up()
    verification = await mailbox.token(caller.email, "is this your address")
    body = {"token": verification, "password": NEW}
    assert (await shop_client.guest().post("/v1/auth/password-reset/confirm", body, key="")).status_code == 422
    await ask(shop_client, "password-reset", caller.email)
    first = await mailbox.token(caller.email, "a new password")
    mailbox.letters.clear()
    await ask(shop_client, "password-reset", caller.email)
    second = await mailbox.token(caller.email, "a new password")
    statuses = [
        (
            await shop_client.guest().post("/v1/auth/password-reset/confirm", {"token": token, "password": NEW}, key="")
        ).status_code
        for token in (first, second)
    ]
    assert statuses == [422, 200]


async def test_a_token_that_is_too_old_is_none(shop_client: ShopClient, mailbox: Mailbox) -> None:
    caller = await shop_client.sign_up()
    token = await mailbox.token(caller.email, "is this your address")
    await shop_client.shop.pool.execute("UPDATE mailed_tokens SET expires_at = now() - interval '1 s'")
    answer = await shop_client.guest().post("/v1/auth/email-verification/confirm", {"token": token}, key="")
    assert answer.status_code == 422


async def test_a_letter_waits_for_the_mail_server_and_no_token_lies_about(
    shop_client: ShopClient, mailbox: Mailbox
) -> None:
    mailbox.away = True
    caller = await shop_client.sign_up()
    pool = shop_client.shop.pool

    async def tried() -> bool:
        return bool(await pool.fetchval("SELECT attempts FROM mail_requests WHERE email = $1", caller.email))

    await eventually(tried)
    mailbox.away = False
    await pool.execute("UPDATE mail_requests SET due_at = now()")
    token = await mailbox.token(caller.email, "is this your address")
    tables = [await pool.fetch(f"SELECT * FROM {name}") for name in ("mailed_tokens", "mail_requests", "facts")]
    assert token not in repr([[dict(row) for row in rows] for rows in tables])

    async def wiped() -> bool:
        return not await pool.fetchval("SELECT count(*) FROM mail_requests WHERE email = $1", caller.email)

    await eventually(wiped)


async def test_nobody_gets_many_letters(shop_client: ShopClient, mailbox: Mailbox) -> None:
    caller = await shop_client.sign_up()
    await mailbox.letter(caller.email, "is this your address")
    for _ in range(6):
        assert (await ask(shop_client, "password-reset", caller.email)).status_code == 202
        await shop_client.shop.mailed_tokens.send_due()
    resets = [each for each in mailbox.letters if "a new password" in each.subject]
    assert 1 <= len(resets) <= 3


async def test_asking_tells_nobody_who_has_an_account(
    shop_client: ShopClient, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By body, by status, by headers and by time."""
    for limit in ("LETTERS_TO", "LETTERS_FROM"):
        monkeypatch.setattr(recovery, limit, Limit(limit, 1_000, 1))
    known = [(await shop_client.sign_up()).email for _ in range(4)]
    shown = set()

    async def asked(email: str) -> None:
        answer = await ask(shop_client, "password-reset", email)
        shown.add((answer.status_code, answer.text, tuple(sorted(set(answer.headers) - {"request-id"}))))

    assert await takes_as_long(asked, known, times=24, within=lambda _: 0.01)
    assert len(shown) == 1


async def test_signing_in_takes_as_long_for_an_address_that_nobody_has(shop_client: ShopClient) -> None:
    known = [(await shop_client.sign_up()).email for _ in range(3)]
    shown = set()

    async def tried(email: str) -> None:
        form = {"username": email, "password": "wrong"}
        answer = await shop_client.guest().request("POST", "/v1/auth/login", data=form)
        shown.add((answer.status_code, answer.json()["detail"]))

    assert await takes_as_long(tried, known, times=9, within=lambda with_account: 0.5 * with_account)
    assert len(shown) == 1


async def test_a_new_address_must_be_verified_and_the_one_before_is_told(
    shop_client: ShopClient, mailbox: Mailbox
) -> None:
    caller = await shop_client.sign_up()
    new = f"new-{caller.email}"
    wrong = await caller.request("PATCH", "/v1/me", json={"email": new, "current_password": "not it"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_password")
    answer = await caller.request("PATCH", "/v1/me", json={"email": new, "current_password": PASSWORD})
    assert answer.status_code == 200, answer.text
    me = (await caller.get("/v1/me")).json()
    assert (me["email"], me["verified"]) == (new, False)
    await mailbox.letter(caller.email, "your address has changed")
    token = await mailbox.token(new, "is this your address")
    await shop_client.guest().post("/v1/auth/email-verification/confirm", {"token": token}, key="")
    assert (await caller.get("/v1/me")).json()["verified"] is True
    assert await log_in_status(shop_client, caller.email, PASSWORD) == 401
    assert await log_in_status(shop_client, new, PASSWORD) == 200


async def test_an_address_of_somebody_else_is_not_taken(shop_client: ShopClient) -> None:
    ann, bob = await shop_client.sign_up(), await shop_client.sign_up()
    body = {"email": bob.email, "current_password": PASSWORD}
    answer = await ann.request("PATCH", "/v1/me", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")


async def test_a_new_password_ends_the_other_sessions(shop_client: ShopClient, mailbox: Mailbox) -> None:
    caller = await shop_client.sign_up()
    other = await shop_client.log_in(caller.email)
    body = {"password": NEW, "current_password": PASSWORD}
    assert (await caller.request("PATCH", "/v1/me", json=body)).status_code == 200
    assert (await caller.get("/v1/me")).status_code == 200
    assert (await other.get("/v1/me")).status_code == 401
    assert await log_in_status(shop_client, caller.email, NEW) == 200


@pytest.mark.parametrize(
    "body", [{}, {"roles": ["admin"]}, {"user_id": "usr_x"}, {"verified": True}, {"password": NEW}]
)
async def test_nothing_else_can_be_changed(shop_client: ShopClient, body: dict[str, Any]) -> None:
    caller: Caller = await shop_client.sign_up()
    answer = await caller.request("PATCH", "/v1/me", json=body)
    assert answer.status_code in (403, 422), answer.text


async def test_a_password_that_everybody_tries_first_is_refused(shop_client: ShopClient) -> None:
    caller = await shop_client.sign_up()
    body = {"password": "password1", "current_password": PASSWORD}
    answer = await caller.request("PATCH", "/v1/me", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "too_common")


async def test_addresses_are_kept_for_their_owner_only(shop_client: ShopClient) -> None:
    ann, bob = await shop_client.customer(), await shop_client.customer()
    home = {"name": "Ann", "line1": "Hauptstr. 1", "city": "Berlin", "postal_code": "10115", "country": "DE"}
    added = await ann.post("/v1/me/addresses", home)
    assert added.status_code == 201, added.text
    address_id = added.json()["id"]
    assert added.headers["Location"] == f"/v1/me/addresses/{address_id}"
    moved = {**home, "city": "Potsdam"}
    assert (await bob.request("PATCH", f"/v1/me/addresses/{address_id}", json=moved)).status_code == 404
    assert (await ann.request("PATCH", f"/v1/me/addresses/{address_id}", json=moved)).status_code == 200
    kept = (await ann.get("/v1/me/addresses")).json()["data"]
    assert kept == [{**moved, "line2": "", "address_id": address_id}]
    assert (await bob.get("/v1/me/addresses")).json()["data"] == []
    assert (await bob.request("DELETE", f"/v1/me/addresses/{address_id}")).status_code == 200
    assert (await ann.get("/v1/me/addresses")).json()["data"] == kept
    assert (await ann.request("DELETE", f"/v1/me/addresses/{address_id}")).status_code == 200
    assert (await ann.get("/v1/me/addresses")).json()["data"] == []


async def test_no_line_break_gets_into_the_head_of_a_letter(shop_client: ShopClient, tmp_path: Path) -> None:
    for email in ("ann@example.com\r\nBcc: eve@example.com", "ann@example.com\nBcc:eve@example.com", "a b@example.com"):
        assert (await ask(shop_client, "password-reset", email)).status_code == 422
    post = FolderPost(tmp_path, "Shop <shop@example.com>")
    await post.send(Letter("1@x", "ann@example.com", "hello\r\nBcc: eve@example.com", "text"))
    (file,) = tmp_path.glob("*.eml")
    letter = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert letter["Bcc"] is None
    assert letter["To"] == "ann@example.com"
