"""Calls the shop over HTTP as guests, customers and staff do, and prepares what a test is about in one line."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from api.app import create_app
from api.wiring import Shop
from commands.user import ADMIN, CUSTOMER, STAFF, GrantRole, RegisterUser
from events.values import UserId
from infrastructure.ids import new_id
from infrastructure.settings import Mode, Settings
from tests.keys import MASTER_KEY
from tests.sandbox import WEBHOOK_SECRET, sandbox_url
from tests.waiting import PATIENCE_S, eventually

PASSWORD = "correct horse 9"
SECRET_KEY = "only for tests " * 3


@dataclass(frozen=True, slots=True)
class Product:
    """An active product with one variant."""

    product_id: str
    sku: str
    slug: str
    category_id: str


class Caller:
    """Someone who calls the API. Like a good client it asks to read what was written before, by whomever."""

    def __init__(self, client: "ShopClient", token: str | None = None, user_id: str = "", email: str = "") -> None:
        self._client, self.user_id, self.email = client, user_id, email
        self.headers: dict[str, str] = {"Authorization": f"Bearer {token}"} if token else {}

    async def get(self, path: str, **params: Any) -> httpx.Response:
        """Waits for what was written before. Parameters with brackets in their names come as `**{...}`."""
        headers = {"Min-Position": str(self._client.position), "Prefer": "wait=5"}
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await self.request("GET", path, params=params or None, headers=headers)
                if answer.status_code != 503 or answer.json()["code"] != "projection_behind":
                    return answer

    async def post(self, path: str, body: Any = None, *, key: str | None = None, **kwargs: Any) -> httpx.Response:
        """With a fresh Idempotency-Key, unless one is given; an empty one sends none."""
        key = secrets.token_hex(8) if key is None else key
        headers = {**({"Idempotency-Key": key} if key else {}), **kwargs.pop("headers", {})}
        return await self.request("POST", path, json={} if body is None else body, headers=headers, **kwargs)

    async def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **kwargs: Any
    ) -> httpx.Response:
        answer = await self._client.http.request(method, path, headers={**self.headers, **(headers or {})}, **kwargs)
        self._client.position = max(self._client.position, int(answer.headers.get("Commit-Position", 0)))
        if token := answer.headers.get("X-Cart-Token"):
            self.headers["X-Cart-Token"] = token
        return answer


class ShopClient:
    """An app with its open shop, and everything a test needs to get at its point."""

    def __init__(self, app: FastAPI, http: httpx.AsyncClient) -> None:
        self.app, self.http = app, http
        self.shop: Shop = app.state.shop
        self.position = 0
        """The highest `Commit-Position` that anyone was told."""
        self._staff: Caller | None = None

    def guest(self) -> Caller:
        return Caller(self)

    async def document(self) -> dict[str, Any]:
        """The OpenAPI document. It takes seconds to make, in which a process that hears nothing turns staff away."""
        return await asyncio.to_thread(self.app.openapi)

    async def customer(self, name: str = "Ann") -> Caller:
        return await self._user(name)

    async def staff(self) -> Caller:
        """Always the same one."""
        self._staff = self._staff or await self._user("Stan", STAFF)
        return self._staff

    async def admin(self) -> Caller:
        return await self._user("Ada", ADMIN)

    async def sign_up(self, email: str | None = None, password: str = PASSWORD, name: str = "Ann") -> Caller:
        """Registers and logs in over HTTP, which takes its time: passwords are hashed. `customer()` is quicker."""
        email = email or f"{secrets.token_hex(6)}@example.com"
        registered = await self.guest().post(
            "/v1/auth/register", {"email": email, "password": password, "name": name}, key=""
        )
        assert registered.status_code == 201, registered.text
        return await self.log_in(email, password, registered.json()["user_id"])

    async def log_in(self, email: str, password: str = PASSWORD, user_id: str = "") -> Caller:
        form = {"username": email, "password": password}
        answer = await self.guest().request("POST", "/v1/auth/login", data=form)
        assert answer.status_code == 200, answer.text
        return Caller(self, answer.json()["access_token"], user_id, email)

    async def category(self, slug: str | None = None, parent_id: str | None = None) -> str:
        slug = slug or f"category-{secrets.token_hex(4)}"
        body = {"slug": slug, "name": slug.capitalize(), "parent_id": parent_id}
        return created(await (await self.staff()).post("/v1/categories", body))

    async def product(
        self,
        *,
        price: int = 1_999,
        stock: int = 10,
        currency: str = "USD",
        category_id: str | None = None,
        publish: bool = True,
    ) -> Product:
        """A product on sale, with `stock` units of its one variant."""
        staff, token = await self.staff(), secrets.token_hex(4)
        category_id = category_id or await self.category()
        slug, sku = f"product-{token}", f"SKU-{token}"
        body = {"slug": slug, "name": f"Product {token}", "category_id": category_id}
        product_id = created(await staff.post("/v1/products", body))
        variant = {"sku": sku, "price": {"amount": price, "currency": currency}}
        created(await staff.post(f"/v1/products/{product_id}/variants", variant))
        if publish:
            assert (await staff.post(f"/v1/products/{product_id}/publish")).status_code == 200
        if stock:
            created(await staff.post(f"/v1/stock/{sku}/receipts", {"quantity": stock}))
        return Product(product_id, sku, slug, category_id)

    async def order(self, customer: Caller, quantities: Mapping[str, int]) -> str:
        """Puts units per SKU into the customer's cart and orders them; the order's id."""
        for sku, quantity in quantities.items():
            created(await customer.post("/v1/cart/lines", {"sku": sku, "quantity": quantity}))
        placed = await customer.post("/v1/orders")
        assert placed.status_code == 201, placed.text
        return str(placed.json()["order_id"])

    async def pay(self, customer: Caller, order_id: str, method: str = "tok_approve") -> None:
        """Asks for the payment, and waits until its outcome is in the read tables."""
        asked = await customer.post(f"/v1/orders/{order_id}/pay", {"method": method})
        assert asked.status_code == 202, asked.text

        async def settled() -> bool:
            order = (await customer.get(f"/v1/orders/{order_id}")).json()
            return bool(order["payment"] in ("CAPTURED", "DECLINED", "AUTHORIZED") and order["status"] != "CANCELLED")

        await eventually(settled)
        self.position = max(self.position, await self.shop.store.head())

    async def paid_order(self, customer: Caller, quantities: Mapping[str, int]) -> str:
        order_id = await self.order(customer, quantities)
        await self.pay(customer, order_id)
        return order_id

    async def _user(self, name: str, *roles: str) -> Caller:
        user_id, email = UserId(new_id("usr")), f"{name.lower()}-{secrets.token_hex(6)}@example.com"
        commands = [GrantRole(user_id, role) for role in roles]
        done = await self.shop.handler(RegisterUser(user_id, email, name), *commands)
        self.position = max(self.position, done.position)
        token = self.shop.access_tokens.issue(user_id, new_id("ses"), frozenset({CUSTOMER, *roles}))
        return Caller(self, token, user_id, email)


def created(answer: httpx.Response) -> str:
    """The id of what was made."""
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def settings_for(database_url: str, redis_url: str, key_prefix: str, data_dir: Path) -> Settings:
    """As in production, and deaf to the environment of whoever runs the tests."""
    return Settings(
        _env_file=None,
        mode=Mode.PRODUCTION,
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        secret_key=SecretStr(SECRET_KEY),
        master_key=SecretStr(MASTER_KEY),
        data_dir=data_dir,
        key_prefix=key_prefix,
        workers_in_process=True,
        pool_size=10,
        password_rounds=10,
        currency="USD",
        gateway_url=sandbox_url(),
        gateway_key=SecretStr(key_prefix),
        webhook_secret=SecretStr(WEBHOOK_SECRET),
    )


@asynccontextmanager
async def open_client(settings: Settings) -> AsyncIterator[ShopClient]:
    """Start the app as a server would, and call it without a socket."""
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.test") as http,
    ):
        yield ShopClient(app, http)
