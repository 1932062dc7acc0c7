"""Lists page by page, both ways, while others write; and cursors that are not what they should be."""

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.e2e.shop_client import Caller, ShopClient
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE


async def _orders(client: ShopClient, customer: Caller, sku: str, count: int) -> list[str]:
    """Newest first, as the list has them."""
    return [await client.order(customer, {sku: 1}) for _ in range(count)][::-1]


def _ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [order["order_id"] for order in answer.json()["data"]]


def _cursors(answer: httpx.Response) -> tuple[str | None, str | None]:
    page = answer.json()["page"]
    assert page["has_more"] is (page["next_cursor"] is not None)
    return page["prev_cursor"], page["next_cursor"]


async def test_pages_fit_together_in_both_directions_while_others_insert(shop_client: ShopClient) -> None:
    ann, product = await shop_client.customer(), await shop_client.product(stock=100)
    known = await _orders(shop_client, ann, product.sku, 5)
    first = await ann.get("/v1/orders", limit=2)
    assert (_ids(first), _cursors(first)[0]) == (known[:2], None)
    newer = await _orders(shop_client, ann, product.sku, 3)
    second = await ann.get("/v1/orders", limit=2, cursor=_cursors(first)[1])
    third = await ann.get("/v1/orders", limit=2, cursor=_cursors(second)[1])
    assert (_ids(second), _ids(third)) == (known[2:4], known[4:])
    assert _cursors(third)[1] is None

    back = await ann.get("/v1/orders", limit=2, cursor=_cursors(third)[0])
    assert _ids(back) == known[2:4]
    seen: list[str] = []
    while _cursors(back)[0] is not None:
        back = await ann.get("/v1/orders", limit=2, cursor=_cursors(back)[0])
        seen = [*_ids(back), *seen]
    assert seen == [*newer, *known[:2]]
    assert _ids(await ann.get("/v1/orders", limit=2, cursor=_cursors(back)[1])) == newer[1:]


async def test_a_page_that_just_fits_is_the_last(shop_client: ShopClient) -> None:
    ann, product = await shop_client.customer(), await shop_client.product()
    known = await _orders(shop_client, ann, product.sku, 2)
    assert _cursors(await ann.get("/v1/orders", limit=2)) == (None, None)
    assert _ids(await ann.get("/v1/orders", limit=100)) == known
    nothing = await (await shop_client.customer()).get("/v1/orders")
    assert (_ids(nothing), nothing.json()["page"]["limit"]) == ([], 50)


async def test_links_lead_where_the_cursors_lead(shop_client: ShopClient) -> None:
    ann, product = await shop_client.customer(), await shop_client.product()
    known = await _orders(shop_client, ann, product.sku, 3)
    first = await ann.get("/v1/orders", limit=1, **{"filter[status]": "PENDING"})
    second = await ann.request("GET", first.links["next"]["url"])
    assert _ids(second) == [known[1]]
    assert parse_qs(urlsplit(second.links["next"]["url"]).query)["filter[status]"] == ["PENDING"]
    assert _ids(await ann.request("GET", second.links["prev"]["url"])) == [known[0]]
    assert "prev" not in first.links


async def test_the_total_is_counted_only_when_asked_for(shop_client: ShopClient) -> None:
    ann, product = await shop_client.customer(), await shop_client.product()
    await _orders(shop_client, ann, product.sku, 3)
    assert (await ann.get("/v1/orders", limit=1, include="total")).json()["page"]["total"] == 3
    filtered = await ann.get("/v1/orders", include="total", **{"filter[status]": "PAID"})
    assert filtered.json()["page"]["total"] == 0
    assert "total" not in (await ann.get("/v1/orders")).json()["page"]


async def test_when_what_lay_before_has_gone_the_list_begins_here(shop_client: ShopClient) -> None:
    ann, product = await shop_client.customer(), await shop_client.product()
    known = await _orders(shop_client, ann, product.sku, 3)
    pending: dict[str, Any] = {"filter[status]": "PENDING", "limit": 1}
    first = await ann.get("/v1/orders", **pending)
    second = await ann.get("/v1/orders", **pending, cursor=_cursors(first)[1])
    await ann.post(f"/v1/orders/{known[0]}/cancel", {"reason": "no"})
    back = await ann.get("/v1/orders", **pending, cursor=_cursors(second)[0])
    assert (_ids(back), _cursors(back)[0]) == ([known[1]], None)


async def test_all_of_a_long_list_comes_exactly_once(shop_client: ShopClient) -> None:
    staff = await shop_client.staff()
    skus = sorted([(await shop_client.product()).sku for _ in range(7)])
    seen: list[str] = []
    answer = await staff.get("/v1/stock", limit=3)
    while True:
        seen += [level["sku"] for level in answer.json()["data"]]
        if not answer.json()["page"]["has_more"]:
            break
        answer = await staff.get("/v1/stock", limit=3, cursor=answer.json()["page"]["next_cursor"])
    assert seen == sorted(set(seen))
    assert set(skus) <= set(seen)


async def test_a_cursor_that_is_forged_or_foreign_is_refused(shop_client: ShopClient) -> None:
    ann, bob, product = await shop_client.customer(), await shop_client.customer(), await shop_client.product()
    await _orders(shop_client, ann, product.sku, 2)
    await _orders(shop_client, bob, product.sku, 2)
    cursor = _cursors(await ann.get("/v1/orders", limit=1))[1]
    assert cursor is not None
    sealed = base64.urlsafe_b64decode(cursor + "==")
    turned = sealed[:16] + sealed[16:].replace(b"false", b"true ")
    forged = [
        "",
        "x",
        "nonsense",
        "%00",
        cursor[:-1],
        cursor + "A",
        "AAAA" + cursor[4:],
        "é" + cursor,
        base64.urlsafe_b64encode(turned).decode(),
        base64.urlsafe_b64encode(b"\0" * 16 + b"[]").decode(),
    ]
    for bad in forged:
        answer = await ann.get("/v1/orders", cursor=bad)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor"), bad
    foreign = [
        await bob.get("/v1/orders", cursor=cursor),
        await ann.get("/v1/orders", cursor=cursor, **{"filter[status]": "PENDING"}),
        await ann.get("/v1/products", cursor=cursor),
        await (await shop_client.staff()).get("/v1/orders", cursor=cursor),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in foreign] == [(400, "invalid_cursor")] * 4
    assert (await ann.get("/v1/orders", cursor="x" * 2_000)).status_code == 422


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "many", "9" * 400, ""])
async def test_a_limit_beyond_the_limits_is_named(shop_client: ShopClient, limit: str) -> None:
    answer = await shop_client.guest().get("/v1/products", limit=limit)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "?limit")
