"""What admins decide about accounts, and that it holds at once; and who may call which route."""

from typing import Any

import httpx
import pytest

from commands.user import ADMIN, CUSTOMER, STAFF
from infrastructure.ids import new_id
from tests.e2e.shop_client import PASSWORD, Caller, ShopClient

ANYONE = frozenset({"anonymous", CUSTOMER, STAFF, ADMIN})
SIGNED_IN = frozenset({CUSTOMER, STAFF, ADMIN})
THE_STAFF = frozenset({STAFF, ADMIN})
ADMINS = frozenset({ADMIN})
SHOPPERS = frozenset({"anonymous", CUSTOMER})

# Who may call what, by the beginning of the path and perhaps the method; the longest that fits counts.
# A route that fits none is one for nobody, and the test fails: whoever adds it has to say here whose it is.
MAY: dict[str, frozenset[str]] = {
    "/health/": ANYONE,
    "/metrics": ANYONE,
    "/problems/": ANYONE,
    "/.well-known/": ANYONE,
    "/v1/auth/": ANYONE,
    "/v1/auth/logout": SIGNED_IN,
    "/v1/auth/sessions": SIGNED_IN,
    "/v1/me": SIGNED_IN,
    "/v1/wishlist": SIGNED_IN,
    "/v1/cart": ANYONE,
    "/v1/checkout/quote": ANYONE,
    "POST /v1/orders": SHOPPERS,
    "GET /v1/orders": SIGNED_IN,
    "GET /v1/orders/": SIGNED_IN,
    "POST /v1/orders/": SIGNED_IN,
    "/v1/orders/{order_id}/ship": THE_STAFF,
    "/v1/orders/{order_id}/complete": THE_STAFF,
    "/v1/orders/{order_id}/capture": THE_STAFF,
    "/v1/orders/{order_id}/refunds": THE_STAFF,
    "/v1/orders/{order_id}/returns": THE_STAFF,
    "/v1/invoices": THE_STAFF,
    "/v1/payments/webhooks/": ANYONE,
    "/v1/audit/keys": ANYONE,
    "GET /v1/products": ANYONE,
    "GET /v1/categories": ANYONE,
    "GET /v1/products/export": THE_STAFF,
    "/v1/admin/": ADMINS,
    "/v1/events": ADMINS,
    "/v1/streams/": THE_STAFF,
    "/v1/audit/": ADMINS,
    "POST /v1/products": THE_STAFF,
    "PATCH /v1/products": THE_STAFF,
    "POST /v1/categories": THE_STAFF,
    "PATCH /v1/categories": THE_STAFF,
    "PUT /v1/categories": THE_STAFF,
    "DELETE /v1/categories": THE_STAFF,
    "/v1/variants/": THE_STAFF,
    "/v1/price-schedules": THE_STAFF,
    "/v1/prices": THE_STAFF,
    "/v1/stock": THE_STAFF,
    "/v1/locations": THE_STAFF,
    "/v1/coupons": THE_STAFF,
    "/v1/taxes": THE_STAFF,
    "GET /v1/taxes": ANYONE,
    "/v1/shipping": THE_STAFF,
    "GET /v1/shipping": ANYONE,
    "/v1/reports": THE_STAFF,
}


async def user_with(client: ShopClient, role: str) -> Caller:
    if role == "anonymous":
        return client.guest()
    user_id = new_id("usr")
    token = client.shop.access_tokens.issue(user_id, new_id("ses"), frozenset({role}))
    return Caller(client, token, user_id)


def whose(method: str, path: str) -> frozenset[str] | None:
    fitting = [key for key in MAY if f"{method} {path}".startswith(key) or path.startswith(key)]
    return MAY[max(fitting, key=lambda key: len(key.rpartition(" ")[2]) + (" " in key))] if fitting else None


def called(path: str) -> str:
    """With something in the place of each parameter that its pattern lets through."""
    made = {"order_id": new_id("ord"), "product_id": new_id("prd"), "category_id": new_id("cat")}
    made |= {"user_id": new_id("usr"), "session_id": new_id("ses"), "address_id": new_id("adr"), "sku": "NO-SUCH"}
    made |= {"code": "NOSUCH", "country": "DE", "schedule_id": new_id("psc"), "position": "1", "parked_id": "1"}
    parts = (part.strip("{}").partition(":")[0] if part.startswith("{") else None for part in path.split("/"))
    return "/".join(
        part if name is None else made.get(name, "nothing") for part, name in zip(path.split("/"), parts, strict=True)
    )


async def test_every_route_is_for_whom_it_is_said_to_be(shop_client: ShopClient) -> None:
    people = {role: await user_with(shop_client, role) for role in sorted(ANYONE)}
    document = await shop_client.document()
    wrong = []
    for path, operations in document["paths"].items():
        for method in operations:
            allowed = whose(method.upper(), path)
            if allowed is None:
                wrong.append(f"{method} {path}: nobody has said whose it is")
                continue
            for role, caller in people.items():
                answer = await _tried(caller, method.upper(), called(path))
                code = answer.json().get("code") if answer.status_code in (401, 403) else None
                turned_away = code in ("unauthorized", "forbidden")
                if turned_away == (role in allowed):
                    wrong.append(f"{method} {path} as {role}: {answer.status_code} {answer.text[:200]}")
                assert answer.status_code < 500, answer.text
    assert not wrong, "\n".join(wrong)


async def _tried(caller: Caller, method: str, path: str) -> httpx.Response:
    headers = {"Idempotency-Key": new_id("key"), "Accept": "application/json"}
    return await caller.request(method, path, headers=headers, **({} if method == "GET" else {"json": {}}))


async def change(admin: Caller, user_id: str, **body: Any) -> httpx.Response:
    return await admin.request("PATCH", f"/v1/admin/users/{user_id}", json=body)


async def log_in(client: ShopClient, email: str) -> httpx.Response:
    return await client.guest().request("POST", "/v1/auth/login", data={"username": email, "password": PASSWORD})


async def test_a_new_role_ends_the_sessions_with_the_old_ones(shop_client: ShopClient) -> None:
    admin, user = await shop_client.admin(), await shop_client.sign_up()
    assert (await user.get("/v1/stock")).status_code == 403
    assert (await change(admin, user.user_id, roles=["customer", "staff"])).status_code == 200
    assert (await user.get("/v1/me")).status_code == 401
    again = await shop_client.log_in(user.email, user_id=user.user_id)
    assert (await again.get("/v1/stock")).status_code == 200
    assert (await change(admin, user.user_id, roles=["customer"])).status_code == 200
    assert (await again.get("/v1/stock")).status_code == 401
    listed = (await admin.get("/v1/admin/users", limit=100)).json()["data"]
    assert {each["user_id"]: each["roles"] for each in listed}[user.user_id] == ["customer"]


async def test_who_is_suspended_is_out_at_once_and_learns_no_more_than_with_a_wrong_password(
    shop_client: ShopClient,
) -> None:
    admin, user = await shop_client.admin(), await shop_client.sign_up()
    tokens = (await log_in(shop_client, user.email)).json()
    assert (await change(admin, user.user_id, suspended=True, reason="a chargeback")).status_code == 200
    assert (await user.get("/v1/me")).status_code == 401
    refused = await log_in(shop_client, user.email)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")
    body = {"refresh_token": tokens["refresh_token"]}
    assert (await shop_client.guest().post("/v1/auth/refresh", body, key="")).status_code == 401
    assert (await change(admin, user.user_id, suspended=False)).status_code == 200
    assert (await log_in(shop_client, user.email)).status_code == 200


async def test_what_is_so_already_ends_no_session(shop_client: ShopClient) -> None:
    admin, user = await shop_client.admin(), await shop_client.sign_up()
    assert (await change(admin, user.user_id, roles=["customer"], suspended=False)).status_code == 200
    assert (await user.get("/v1/me")).status_code == 200


async def test_an_admin_cannot_lock_themselves_out(shop_client: ShopClient) -> None:
    admin = await shop_client.admin()
    bodies: tuple[dict[str, Any], ...] = ({"suspended": True}, {"roles": ["customer"]}, {"roles": []})
    for body in bodies:
        assert (await change(admin, admin.user_id, **body)).status_code == 409


@pytest.mark.parametrize("body", [{}, {"roles": ["owner"]}, {"email": "x@example.com"}, {"roles": "admin"}])
async def test_accounts_take_no_other_change(shop_client: ShopClient, body: dict[str, Any]) -> None:
    admin, user = await shop_client.admin(), await shop_client.customer()
    assert (await change(admin, user.user_id, **body)).status_code == 422


async def test_an_account_that_is_not_there_is_not_changed(shop_client: ShopClient) -> None:
    assert (await change(await shop_client.admin(), new_id("usr"), suspended=True)).status_code == 404
