"""Carts under races, at two processes on one database: no line is lost, whatever goes on at the same time."""

import asyncio
import secrets
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from infrastructure.ids import new_id
from tests.e2e.service import Service, authorization, read, serving
from tests.e2e.test_two_processes import on_sale
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE

ADDS, SKUS = 50, 5
PERSON = {"password": "correct horse 9"}


async def test_parallel_adds_never_lose_a_line(services: tuple[Service, Service]) -> None:
    async with httpx.AsyncClient(timeout=60) as http:
        skus = [await on_sale(http, services[0].url) for _ in range(SKUS)]
        ann = authorization(new_id("usr"), "customer")
        answers = await asyncio.gather(*(_add(http, services[n % 2], skus[n % SKUS], ann) for n in range(ADDS)))
        assert {answer.status_code for answer in answers} == {201}
        assert sorted(answer.json()["version"] for answer in answers) == list(range(2, ADDS + 2))
        newest = max(int(answer.headers["Commit-Position"]) for answer in answers)
        for service in services:
            assert await _cart(http, service, ann, newest) == dict.fromkeys(skus, ADDS // SKUS)


async def test_adds_race_with_a_merge_and_a_checkout_and_every_unit_is_somewhere_once(
    services: tuple[Service, Service],
) -> None:
    async with httpx.AsyncClient(timeout=60) as http:
        sku = await on_sale(http, services[0].url)
        email = f"{secrets.token_hex(6)}@example.com"
        registered = await http.post(f"{services[0].url}/v1/auth/register", json={"email": email, **PERSON})
        ann = authorization(registered.json()["user_id"], "customer")
        first = await _add(http, services[0], sku, {})
        guest = {"X-Cart-Token": first.headers["X-Cart-Token"]}
        callers = [guest, ann, {**guest, **ann}]
        logins = (_login(http, service, email, guest) for service in services)
        adding = (_add(http, services[n % 2], sku, callers[n % 3]) for n in range(18))
        ordering = (_order(http, services[n % 2], ann) for n in range(2))
        answers = await asyncio.gather(*adding, *logins, *ordering)
        assert Counter(answer.status_code for answer in answers[:18]) == {201: 18}
        assert {answer.status_code for answer in answers[18:20]} == {200}
        assert {answer.status_code for answer in answers[20:]} <= {201, 409}
        assert (await _login(http, services[0], email, guest)).status_code == 200
        newest = max(int(answer.headers.get("Commit-Position", 0)) for answer in answers)
        url = f"{services[1].url}/v1/orders"
        orders = (await read(http, url, ann, newest))["data"]
        ordered = [await read(http, f"{url}/{each['order_id']}", ann, newest) for each in orders]
        sold = sum(line["quantity"] for order in ordered for line in order["lines"])
        held = sum([await _units(http, services[1], who) for who in (ann, guest)])
        assert (sold + held, await _units(http, services[1], guest)) == (1 + 18, 0)


async def test_a_merge_that_is_interrupted_is_whole_or_absent_and_happens_once(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """The service is killed while people sign in; they sign in again."""
    async with httpx.AsyncClient(timeout=60) as http:
        with serving(logs=tmp_path, **environment) as service:
            sku = await on_sale(http, service.url)
            people = [await _with_a_guests_cart(http, service, sku) for _ in range(8)]
            signing_in = [asyncio.create_task(_login(http, service, email, guest)) for email, _, guest in people]
            await asyncio.wait(signing_in, return_when=asyncio.FIRST_COMPLETED)
            service.kill()
            outcomes = await asyncio.gather(*signing_in, return_exceptions=True)
        with serving(logs=tmp_path, **environment) as service:
            for (email, ann, guest), outcome in zip(people, outcomes, strict=True):
                shares = [await _units(http, service, who) for who in (ann, guest)]
                assert shares in ([0, 3], [3, 0])
                if isinstance(outcome, httpx.Response):
                    assert shares == [3, 0]
                assert (await _login(http, service, email, guest)).status_code == 200
                assert [await _units(http, service, who) for who in (ann, guest)] == [3, 0]


async def _with_a_guests_cart(
    http: httpx.AsyncClient, service: Service, sku: str
) -> tuple[str, dict[str, str], dict[str, str]]:
    email = f"{secrets.token_hex(6)}@example.com"
    registered = await http.post(f"{service.url}/v1/auth/register", json={"email": email, **PERSON})
    added = await _add(http, service, sku, {}, quantity=3)
    token = {"X-Cart-Token": added.headers["X-Cart-Token"]}
    return email, authorization(registered.json()["user_id"], "customer"), token


async def _add(
    http: httpx.AsyncClient, service: Service, sku: str, who: dict[str, str], quantity: int = 1
) -> httpx.Response:
    line = {"sku": sku, "quantity": quantity}
    return await http.post(f"{service.url}/v1/cart/lines", json=line, headers=who)


async def _order(http: httpx.AsyncClient, service: Service, who: dict[str, str]) -> httpx.Response:
    await asyncio.sleep(0.05)
    return await http.post(
        f"{service.url}/v1/orders", json={}, headers={**who, "Idempotency-Key": secrets.token_hex(8)}
    )


async def _login(http: httpx.AsyncClient, service: Service, email: str, guest: dict[str, str]) -> httpx.Response:
    form = {"username": email, **PERSON}
    return await http.post(f"{service.url}/v1/auth/login", data=form, headers=guest)


async def _cart(http: httpx.AsyncClient, service: Service, who: dict[str, str], newest: int) -> dict[str, Any]:
    cart = await read(http, f"{service.url}/v1/cart", who, newest)
    return {line["sku"]: line["quantity"] for line in cart["lines"]}


async def _units(http: httpx.AsyncClient, service: Service, who: dict[str, str]) -> int:
    """As of the newest fact."""
    newest = await http.get(f"{service.url}/v1/events?limit=1", headers=authorization(new_id("usr"), "admin"))
    return sum((await _cart(http, service, who, int(newest.headers["Projection-Position"]))).values())
