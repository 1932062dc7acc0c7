"""Lists of products over HTTP: what is found, in which order, how it is counted, and what is refused."""

from typing import Any

import pytest
import pytest_asyncio

from infrastructure.settings import Mode, Settings
from tests.e2e.shelf import Shelf, filled_shelf
from tests.e2e.shop_client import Caller, ShopClient, open_client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shelf(shop_client: ShopClient) -> Shelf:
    return await filled_shelf(shop_client)


@pytest.mark.parametrize(
    ("q", "letters"),
    [
        ("mug", "abd"),  # the name counts more than the description, and a short name more than a long one
        ("mugs", "abd"),
        ("creme", "a"),
        ("CRÈME MUG", "a"),
        ("run", "c"),
        ("tea mu", "b"),
        ("teapo", "d"),
        ("teapott", "d"),
        ("grean tea", "b"),
        ("apfel", "e"),
        ("bolt", "bd"),
        ("nothing like it", ""),
        ("& | ! ( ' \\", ""),
        ("mug & !tea", "bd"),
    ],
)
async def test_words_are_found(shelf: Shelf, q: str, letters: str) -> None:
    assert sorted(await shelf.found(q=q)) == sorted(letters)
    if q == "mug":
        assert await shelf.found(q=q) == letters


@pytest.mark.parametrize(
    ("filters", "letters"),
    [
        ({}, "edcba"),
        ({"filter[price][gte]": "700"}, "dcb"),
        ({"filter[price][lte]": "700"}, "eba"),
        ({"filter[price][gte]": "101", "filter[price][lte]": "2499"}, "ba"),
        ({"filter[price][gte]": "1", "currency": "EUR"}, ""),
        ({"filter[attr.color]": "red"}, "eca"),
        ({"filter[attr.color][in]": "green,blue"}, "dba"),
        ({"filter[attr.color]": "red", "filter[attr.brand]": "Acme"}, "ca"),
        ({"filter[attr.vegan]": "true"}, "c"),
        ({"filter[attr.colour]": "red"}, ""),
        ({"filter[in_stock]": "true"}, "edca"),
        ({"filter[in_stock]": "false"}, "b"),
        ({"sort": "price"}, "eabdc"),
        ({"sort": "-price"}, "cdbae"),
        ({"sort": "name"}, "eabcd"),
        ({"sort": "-name"}, "dcbae"),
        ({"sort": "created_at"}, "abcde"),
        ({"q": "mug", "sort": "-price"}, "dba"),
        ({"q": "mug", "filter[attr.color]": "blue", "sort": "name,-price"}, "ad"),
    ],
)
async def test_filters_and_sorts(shelf: Shelf, filters: dict[str, str], letters: str) -> None:
    assert await shelf.found(**filters) == letters
    counted = await shelf.client.guest().get(
        "/v1/products", **{"filter[category]": shelf.top, "include": "total", "facets": "color,price", **filters}
    )
    assert shelf.letters(counted) == letters
    assert counted.json()["page"]["total"] == len(letters)


@pytest.mark.parametrize("sort", ["price", "-price", "name", "-created_at", "-price,name", "name,-price"])
@pytest.mark.parametrize("more", [{}, {"q": "mug"}, {"facets": "color", "filter[attr.color][in]": "red,blue"}])
async def test_pages_go_both_ways(shelf: Shelf, sort: str, more: dict[str, str]) -> None:
    guest, asked = shelf.client.guest(), {"filter[category]": shelf.top, "sort": sort, **more}
    whole = await shelf.found(**asked)
    forth, cursor = [await guest.get("/v1/products", **asked, limit=1)], None
    while cursor := forth[-1].json()["page"]["next_cursor"]:
        forth.append(await guest.get("/v1/products", **asked, limit=1, cursor=cursor))
    assert "".join(map(shelf.letters, forth)) == whole
    back = [forth[-1]]
    while cursor := back[-1].json()["page"]["prev_cursor"]:
        back.append(await guest.get("/v1/products", **asked, limit=1, cursor=cursor))
    assert "".join(map(shelf.letters, reversed(back))) == whole


async def test_a_facet_is_not_narrowed_by_its_own_filter(shelf: Shelf) -> None:
    asked = {
        "filter[category]": shelf.top,
        "filter[attr.color]": "red",
        "filter[price][lte]": "1000",
        "facets": "color,brand,price,category",
        "include": "total",
    }
    answer = (await shelf.client.guest().get("/v1/products", **asked)).json()
    assert answer["page"]["total"] == 2
    facets = answer["facets"]
    assert facets["color"] == [
        {"value": "red", "count": 2},
        {"value": "blue", "count": 1},
        {"value": "green", "count": 1},
    ]
    assert facets["brand"] == [{"value": "Acme", "count": 1}]
    assert facets["price"] == {
        "min": 100,
        "max": 9_000,
        "ranges": [
            {"gte": 0, "lt": 500, "count": 1},
            {"gte": 500, "lt": 1_000, "count": 1},
            {"gte": 5_000, "lt": 10_000, "count": 1},
        ],
        "currency": "USD",
    }
    [counted] = [each for each in facets["category"] if each["value"] == shelf.top]
    assert counted["count"] == 2


async def test_a_category_counts_all_that_is_below_it(shelf: Shelf) -> None:
    answer = (await shelf.client.guest().get("/v1/products", q="mug", facets="category")).json()
    counts = {each["value"]: each["count"] for each in answer["facets"]["category"]}
    below = next(each for each in answer["facets"]["category"] if each["parent_id"] == shelf.top)
    assert (counts[shelf.top], below["count"]) == (3, 1)


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"sort": "size"}, "?sort"),
        ({"sort": "price,-price"}, "?sort"),
        ({"sort": "relevance"}, "?sort"),
        ({"sort": ""}, "?sort"),
        ({"facets": "Color"}, "?facets"),
        ({"facets": "color,color"}, "?facets"),
        ({"filter[size]": "1"}, "?filter[size]"),
        ({"filter[attr.]": "1"}, "?filter[attr.]"),
        ({"filter[attr.a b]": "1"}, "?filter[attr.a b]"),
        ({"filter[attr.color]": "a\0b"}, "?filter[attr.color]"),
        ({"filter[attr.color][in]": ",".join("a" * 51)}, "?filter[attr.color][in]"),
        ({"filter[price][gte]": "-1"}, "?filter[price][gte]"),
        ({"filter[price][lte]": "1.5"}, "?filter[price][lte]"),
        ({"filter[price][eq]": "1"}, "?filter[price][eq]"),
        ({"filter[in_stock]": "yes"}, "?filter[in_stock]"),
        ({"currency": "XXX"}, "?currency"),
        ({"q": ""}, "?q"),
        ({"q": "x" * 201}, "?q"),
        ({"q": "a\0b"}, "?q"),
        ({"explain": "yes"}, "?explain"),
    ],
)
async def test_what_makes_no_sense_is_named(shop_client: ShopClient, params: dict[str, str], pointer: str) -> None:
    answer = await shop_client.guest().request("GET", "/v1/products", params=params)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_list_follows_what_happens_to_its_products(shop_client: ShopClient) -> None:
    """Each is seen by the next guest who asks for that position, though the list is cached."""
    category_id = await shop_client.category()
    product = await shop_client.product(category_id=category_id, stock=0, price=1_000)
    staff, path = await shop_client.staff(), f"/v1/products/{product.product_id}"

    async def listed() -> Any:
        answer = (await shop_client.guest().get("/v1/products", **{"filter[category]": category_id})).json()["data"]
        return answer[0] if answer else None

    assert (await listed())["in_stock"] is False
    await staff.post(f"/v1/stock/{product.sku}/receipts", {"quantity": 1})
    assert (await listed())["in_stock"] is True
    ann = await shop_client.customer()
    await shop_client.order(ann, {product.sku: 1})
    assert (await listed())["in_stock"] is False
    await staff.request("PUT", f"/v1/variants/{product.sku}/price", json={"amount": 5, "currency": "USD"})
    assert (await listed())["variants"][0]["prices"][0]["amount"] == 5
    await staff.request("PATCH", path, json={"name": "Renamed"})
    assert (await listed())["name"] == "Renamed"
    await staff.post(f"{path}/archive")
    assert await listed() is None


async def test_a_plan_is_for_staff_in_development_mode(shop_client: ShopClient) -> None:
    callers: list[Caller] = [shop_client.guest(), await shop_client.staff()]
    for caller in callers:
        answer = await caller.request("GET", "/v1/products", params={"explain": "true"})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_staff_see_the_plan_of_a_list_in_development_mode(shelf: Shelf, settings: Settings) -> None:
    """The statement is that of the request, and the plan is PostgreSQL's; others are refused here too."""
    asked = {"explain": "true", "q": "mug", "facets": "color", "filter[category]": shelf.top}
    async with open_client(settings.model_copy(update={"mode": Mode.DEVELOPMENT})) as client:
        answer = await (await client.staff()).get("/v1/products", **asked)
        assert answer.status_code == 200
        body, explain = answer.json(), answer.json()["explain"]
        assert shelf.letters(answer) == "abd" and body["facets"]["color"]
        assert "search_query($" in explain["statement"] and "mug" not in explain["statement"]
        assert any("cost=" in line for line in explain["plan"]) and any("listing" in line for line in explain["plan"])
        bare = await (await client.staff()).get("/v1/products", explain="", q="mug")
        assert bare.json()["explain"]["plan"]
        plain = await (await client.staff()).get("/v1/products", q="mug")
        assert "explain" not in plain.json()
        for caller in (client.guest(), await client.customer()):
            refused = await caller.get("/v1/products", **asked)
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
