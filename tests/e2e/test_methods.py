"""HEAD where GET is, 405 with every method of the path, and what those who are not signed in may know of the inside."""

import asyncio

import httpx
import pytest

from infrastructure.settings import Settings
from tests.e2e.serving import serving
from tests.e2e.shop_client import ShopClient
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE


@pytest.mark.parametrize("path", ["/v1/products?limit=1", "/health/live", "/v1/categories", "/openapi.json", "/docs"])
async def test_head_has_the_headers_of_get_and_no_body(settings: Settings, path: str) -> None:
    async with serving(settings) as (client, _):
        got, headed = await client.http.get(path), await client.http.head(path)
        assert (headed.status_code, headed.content) == (got.status_code, b"")
        for name in ("content-type", "projection-position", "vary"):
            assert headed.headers.get(name) == got.headers.get(name)
        assert headed.headers.get("content-length") == got.headers.get("content-length")
        # The connection is still good for the next request.
        assert (await client.http.get("/health/live")).json() == {"status": "ok"}


async def test_head_of_a_stream_ends_with_its_headers(shop_client: ShopClient) -> None:
    admin = await shop_client.admin()
    async with asyncio.timeout(60):
        answer = await admin.request("HEAD", "/v1/events", headers={"Accept": "text/event-stream"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert shop_client.shop.tail.listeners == 0


async def test_head_of_what_is_not_there_and_of_what_is_not_read(shop_client: ShopClient) -> None:
    guest = shop_client.guest()
    assert (await guest.request("HEAD", "/v1/products/none")).status_code == 404
    assert (await guest.request("HEAD", "/v1/auth/login")).status_code == 405


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/products", "GET, HEAD, POST"),
        ("DELETE", "/v1/orders", "GET, HEAD, POST"),
        ("PATCH", "/v1/auth/login", "POST"),
        ("POST", "/health/ready", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_told_all_the_right_ones(
    shop_client: ShopClient, method: str, path: str, allowed: str
) -> None:
    answer: httpx.Response = await shop_client.guest().request(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


async def test_whoever_asks_whether_it_is_ready_learns_no_names_of_workers(shop_client: ShopClient) -> None:
    answer = await shop_client.guest().request("GET", "/health/ready")
    assert shop_client.shop.owner not in answer.text
    for state in answer.json()["projections"]:
        assert not {"owner", "last_error"} & state.keys()
        assert {"name", "lag", "parked", "running", "troubled"} <= state.keys()
    told = (await (await shop_client.admin()).get("/v1/admin/projections")).json()["data"]
    assert shop_client.shop.owner in {state["owner"] for state in told}
