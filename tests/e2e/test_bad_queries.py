"""Questions that make no sense get a 4xx that names the parameter; none gets a 500."""

from urllib.parse import quote

import pytest

from tests.e2e.shop_client import ShopClient
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE

ORDER = "ord_01h455vb4pex5vsknk084sn02q"
HOSTILE = [
    "\0",
    "a\0b",
    "%FF%FE",
    "%C3%28",
    "' OR 1=1 --",
    "-1",
    "9" * 400,
    "é",
    "\U0001f600",
    "x" * 5_000,
    " ",
    "{}",
    "%s",
    "$1",
]
PARAMETERS = [
    "/v1/products?filter[category]={}",
    "/v1/products?filter[status]={}",
    "/v1/products?q={}",
    "/v1/products?sort={}",
    "/v1/products?facets={}",
    "/v1/products?currency={}",
    "/v1/products?filter[price][gte]={}",
    "/v1/products?filter[in_stock]={}",
    "/v1/products?filter[attr.color]={}",
    "/v1/products?filter[attr.color][in]={}",
    "/v1/products?limit={}",
    "/v1/products?cursor={}",
    "/v1/products?include={}",
    "/v1/products/{}",
    "/v1/categories/{}",
    "/v1/variants/{}/price-history",
    "/v1/stock/{}",
    "/v1/stock/{}/movements",
    "/v1/stock/{}/explain",
    "/v1/stock/SKU/explain?after={}",
    "/v1/cart?currency={}",
    "/v1/orders?filter[status]={}",
    "/v1/orders/{}",
    "/v1/orders/{}/history",
    "/v1/orders/" + ORDER + "?version={}",
    "/v1/orders/" + ORDER + "?as_of={}",
    "/v1/events?after={}",
    "/v1/events?type={}",
    "/v1/events?stream={}",
    "/v1/events?actor={}",
    "/v1/events?correlation={}",
    "/v1/events?limit={}",
    "/v1/streams/{}/events",
    "/v1/streams/order-x/events?after={}",
    "/v1/reports/sales?from={}",
    "/v1/reports/sales?to={}",
    "/v1/reports/sales?group_by={}",
    "/v1/reports/sales?by={}",
    "/v1/reports/sales?as_of={}",
    "/v1/reports/sales?currency={}",
    "/v1/reports/sales?limit={}",
    "/v1/reports/sales?cursor={}",
    "/v1/reports/summary?as_of={}",
    "/v1/admin/users?cursor={}",
]


@pytest.mark.parametrize("path", PARAMETERS)
async def test_whatever_is_asked_the_answer_is_no_500(shop_client: ShopClient, path: str) -> None:
    admin = await shop_client.admin()
    for hostile in HOSTILE:
        value = hostile if hostile.startswith("%") and len(hostile) > 2 else quote(hostile, safe="")
        answer = await admin.request("GET", path.format(value))
        assert answer.status_code < 500, (path, hostile, answer.text)
        if answer.status_code >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json"
        if answer.status_code == 422:
            name = path.split("?")[1].removesuffix("={}") if "?" in path else None
            pointers = [error["pointer"] for error in answer.json()["errors"]]
            assert all(pointer == f"?{name}" if name else pointer.startswith("path:") for pointer in pointers)


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        (f"/v1/orders/{ORDER}?version=0", "?version"),
        (f"/v1/orders/{ORDER}?version=2147483648", "?version"),
        (f"/v1/orders/{ORDER}?as_of=yesterday", "?as_of"),
        (f"/v1/orders/{ORDER}?as_of=2026-01-01", "?as_of"),
        (f"/v1/orders/{ORDER}?as_of=0001-01-01T00:00:00%2B14:00", "?as_of"),
        (f"/v1/orders/{ORDER}?as_of=2026-02-30T00:00:00Z", "?as_of"),
        (f"/v1/orders/{ORDER}?as_of=5&version=1", "?as_of"),
        ("/v1/reports/sales?from=2017-13-01", "?from"),
        ("/v1/reports/sales?from=20170101", "?from"),
        ("/v1/reports/sales?to=9999-12-31T24:00:00Z", "?to"),
        ("/v1/reports/sales?from=2017-02-01&to=2017-01-01T00:00:00Z", "?to"),
        ("/v1/reports/sales?as_of=99999999", "?as_of"),
        ("/v1/reports/sales?as_of=2999-01-01T00:00:00Z", "?as_of"),
        ("/v1/reports/sales?group_by=hour", "?group_by"),
        ("/v1/reports/sales?by=customer", "?by"),
        ("/v1/reports/sales?currency=usd", "?currency"),
        ("/v1/reports/sales?limit=1001", "?limit"),
        ("/v1/products?filter[status]=ACTIVE", "?filter[status]"),
        ("/v1/orders?filter[status]=paid", "?filter[status]"),
        ("/v1/events?type=OrderVanished", "?type"),
        ("/v1/events?limit=1001", "?limit"),
    ],
)
async def test_a_value_that_makes_no_sense_is_named(shop_client: ShopClient, path: str, pointer: str) -> None:
    answer = await (await shop_client.admin()).request("GET", path)
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])


async def test_a_report_in_another_media_type_is_not_to_be_had(shop_client: ShopClient) -> None:
    staff = await shop_client.staff()
    answer = await staff.request("GET", "/v1/reports/sales", headers={"Accept": "application/xml"})
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
