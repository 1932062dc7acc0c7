"""Opening an account: nobody learns who has one, and in production the address comes first."""

import secrets
from typing import Any

import httpx

from infrastructure.settings import Settings
from tests.e2e.mailbox import Mailbox
from tests.e2e.shop_client import PASSWORD, Caller, ShopClient, open_client
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE

NEW = "another horse 8"


async def register(client: ShopClient, email: str, password: str = PASSWORD) -> httpx.Response:
    body = {"email": email, "password": password, "name": "Ann"}
    return await client.guest().post("/v1/auth/register", body, key="")


async def log_in(client: ShopClient, email: str, password: str = PASSWORD) -> httpx.Response:
    return await client.guest().request("POST", "/v1/auth/login", data={"username": email, "password": password})


def told(answer: httpx.Response) -> Any:
    """All that an answer says, but for what is another each time."""
    body = {name: value for name, value in answer.json().items() if name not in ("user_id", "request_id")}
    return answer.status_code, body, sorted(set(answer.headers) - {"request-id"})


async def test_the_book_grows_as_much_for_an_address_that_is_taken(shop_client: ShopClient, mailbox: Mailbox) -> None:
    """Everybody sees how long the book is, so it must not tell either."""
    email = f"{secrets.token_hex(6)}@example.com"
    answers = [await register(shop_client, email) for _ in range(6)]  # more than there are letters for
    assert len({str(told(answer)) for answer in answers}) == 1
    positions = [int(answer.headers["Commit-Position"]) for answer in answers]
    assert positions == list(range(positions[0], positions[0] + 6))
    assert await shop_client.shop.store.head() == positions[-1]
    owner = answers[0].json()["user_id"]
    admin = await shop_client.admin()
    refused = (await admin.get(f"/v1/streams/refusals-{owner}/events")).json()["data"]
    assert [fact["type"] for fact in refused] == ["RegistrationRefused"] * 5


async def test_the_owner_is_told_and_has_a_way_in(shop_client: ShopClient, mailbox: Mailbox) -> None:
    caller = await shop_client.sign_up()
    assert (await register(shop_client, caller.email.upper(), NEW)).status_code == 201
    assert (await log_in(shop_client, caller.email, NEW)).status_code == 401
    body = {"token": await mailbox.token(caller.email, "you have an account already"), "password": NEW}
    assert (await shop_client.guest().post("/v1/auth/password-reset/confirm", body, key="")).status_code == 200
    again = await log_in(shop_client, caller.email, NEW)
    assert again.status_code == 200
    # Who reads letters to the address has proved that it is theirs.
    assert (await Caller(shop_client, again.json()["access_token"]).get("/v1/me")).json()["verified"] is True


async def test_where_letters_go_out_the_address_is_proved_before_anyone_signs_in(
    settings: Settings, mailbox: Mailbox
) -> None:
    """Another process answers; the letters are sent by the one that the mailbox belongs to."""
    async with open_client(
        settings.model_copy(update={"verify_addresses": True, "workers_in_process": False})
    ) as client:
        owner, squatter = f"{secrets.token_hex(6)}@example.com", f"{secrets.token_hex(6)}@example.com"
        await register(client, owner)
        token = await mailbox.token(owner, "is this your address")
        before = await log_in(client, owner)
        # Somebody tries both: they must not learn from signing in which one was free.
        await register(client, owner, NEW)
        await register(client, squatter, NEW)
        tried = [await log_in(client, email, NEW) for email in (owner, squatter)]
        assert len({str(told(answer)) for answer in [before, *tried]}) == 1
        assert before.status_code == 401
        answer = await client.guest().post("/v1/auth/email-verification/confirm", {"token": token}, key="")
        assert answer.status_code == 200, answer.text
        tokens = (await log_in(client, owner)).json()
        caller = Caller(client, tokens["access_token"])
        # A new address that is not proved yet locks nobody out.
        new = {"email": f"new-{owner}", "current_password": PASSWORD}
        assert (await caller.request("PATCH", "/v1/me", json=new)).status_code == 200
        assert (await log_in(client, new["email"])).status_code == 200


async def test_nobody_tries_lists_of_addresses_as_their_new_one(shop_client: ShopClient) -> None:
    ann, bob = await shop_client.sign_up(), await shop_client.sign_up()
    body = {"email": bob.email, "current_password": PASSWORD}
    answers = [(await ann.request("PATCH", "/v1/me", json=body)).status_code for _ in range(6)]
    assert answers == [409] * 5 + [429]
