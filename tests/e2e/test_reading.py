"""Reading what was just written: queries wait for their position, are woken, and say when it takes too long."""

import asyncio
import time

import pytest

from infrastructure.settings import Settings
from tests.e2e.shop_client import Caller, ShopClient, open_client
from tests.kinds import EMBEDDED_ALONE
from tests.waiting import takes_less_than

pytestmark = EMBEDDED_ALONE


def _headers(caller: Caller, position: int | str, wait_s: int | str = 5) -> dict[str, str]:
    return {**caller.headers, "Min-Position": str(position), "Prefer": f"wait={wait_s}"}


async def test_whoever_asks_with_the_position_of_a_command_reads_what_it_wrote(shop_client: ShopClient) -> None:
    ann, product = await shop_client.customer(), await shop_client.product(stock=100)
    for quantity in range(1, 20):
        added = await ann.post("/v1/cart/lines", {"sku": product.sku, "quantity": 1})
        position = int(added.headers["Commit-Position"])
        answer = await ann.request("GET", "/v1/cart", headers=_headers(ann, position))
        assert answer.json()["lines"][0]["quantity"] == quantity
        assert int(answer.headers["Projection-Position"]) >= position


async def test_a_position_that_is_not_reached_in_time_is_a_503(shop_client: ShopClient) -> None:
    admin = await shop_client.admin()
    head = await shop_client.shop.store.head()

    async def waited_for() -> None:
        started = time.monotonic()
        answer = await admin.request("GET", "/v1/cart", headers=_headers(admin, head + 1_000, 1))
        assert time.monotonic() - started > 0.9
        assert (answer.status_code, answer.json()["code"]) == (503, "projection_behind")
        assert answer.headers["Retry-After"] == "1"

    assert await takes_less_than(2, waited_for)  # one wait for all three projections together
    for path in ("/v1/events", "/v1/me", "/v1/orders", "/v1/products", "/v1/stock", "/v1/reports/sales"):
        behind = await admin.request("GET", path, headers=_headers(admin, head + 1_000, 0))
        assert (behind.status_code, behind.json()["code"]) == (503, "projection_behind"), path


async def test_a_reader_is_woken_by_what_it_waits_for(shop_client: ShopClient) -> None:
    ann, product = await shop_client.customer(), await shop_client.product(stock=100)
    await ann.post("/v1/cart/lines", {"sku": product.sku})

    async def woken() -> None:
        path = "/v1/cart"
        before = (await ann.get(path)).json()["lines"][0]["quantity"]
        head = await shop_client.shop.store.head()
        waiting = asyncio.create_task(ann.request("GET", path, headers=_headers(ann, head + 1)))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await ann.post("/v1/cart/lines", {"sku": product.sku})
        assert (await waiting).json()["lines"][0]["quantity"] == before + 1

    assert await takes_less_than(1, woken)


@pytest.mark.parametrize("position", ["-1", "x", "1.5", "9" * 30, ""])
async def test_a_position_that_is_none_is_refused(shop_client: ShopClient, position: str) -> None:
    answer = await shop_client.guest().request("GET", "/v1/products", headers={"Min-Position": position})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "header:min-position")


async def test_a_process_without_workers_hears_of_what_others_have_projected(
    shop_client: ShopClient, settings: Settings
) -> None:
    product = await shop_client.product(stock=3)
    staff = await shop_client.staff()
    async with open_client(settings.model_copy(update={"workers_in_process": False})) as other:
        same = Caller(other)
        same.headers = dict(staff.headers)
        path = f"/v1/stock/{product.sku}"
        first = await same.request("GET", path, headers=_headers(staff, shop_client.position))
        assert first.json()["on_hand"] == 3
        received = await same.post(f"{path}/receipts", {"quantity": 4})
        position = received.headers["Commit-Position"]
        answer = await same.request("GET", path, headers=_headers(staff, position))
        assert answer.json()["on_hand"] == 7


async def test_an_unknown_parameter_is_refused_by_name(shop_client: ShopClient) -> None:
    staff = await shop_client.admin()
    for path in (
        "/v1/products",
        "/v1/categories",
        "/v1/stock",
        "/v1/cart",
        "/v1/orders",
        "/v1/events",
        "/v1/reports/sales",
        "/v1/reports/summary",
        "/v1/me",
        "/v1/admin/users",
        "/v1/admin/projections",
    ):
        answer = await staff.request("GET", f"{path}?filter[colour]=red&page=2", headers=staff.headers)
        assert answer.status_code == 422, path
        assert [error["pointer"] for error in answer.json()["errors"]] == ["?filter[colour]", "?page"]
    twice = await staff.request("GET", "/v1/orders?limit=1&limit=2")
    assert [(error["pointer"], error["code"]) for error in twice.json()["errors"]] == [("?limit", "repeated_parameter")]
