"""People who sign in over HTTP, and what their tokens are still good for."""

from typing import Any

from infrastructure.sessions import GRACE_S
from tests.e2e.shop_client import PASSWORD, Caller, ShopClient

Tokens = dict[str, Any]


async def signed_in(client: ShopClient) -> tuple[Caller, Tokens]:
    """Someone new, and what the login answered."""
    caller = await client.sign_up()
    return caller, await log_in(client, caller.email)


async def log_in(client: ShopClient, email: str, password: str = PASSWORD) -> Tokens:
    form = {"username": email, "password": password}
    answer = await client.guest().request("POST", "/v1/auth/login", data=form, headers={"User-Agent": "tests/1"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    tokens: Tokens = answer.json()
    return tokens


async def refresh(client: ShopClient, token: str) -> Any:
    return await client.guest().post("/v1/auth/refresh", {"refresh_token": token}, key="")


def with_token(client: ShopClient, tokens: Tokens) -> Caller:
    return Caller(client, tokens["access_token"])


async def is_in(client: ShopClient, tokens: Tokens) -> bool:
    return (await with_token(client, tokens).get("/v1/me")).status_code == 200


async def later(client: ShopClient, session_id: str, seconds: float = GRACE_S + 1) -> None:
    """As if so much time had passed since the session was used last."""
    statement = "UPDATE sessions SET used_at = used_at - make_interval(secs => $2) WHERE session_id = $1"
    await client.shop.pool.execute(statement, session_id, seconds)


async def facts(client: ShopClient, session_id: str) -> list[str]:
    admin = await client.admin()
    return [fact["type"] for fact in (await admin.get(f"/v1/streams/session-{session_id}/events")).json()["data"]]
