"""The catalog over HTTP: what shoppers see, what only staff see, the tree, prices over time, caching by clients."""

from tests.e2e.shop_client import Caller, ShopClient, created


async def test_a_product_is_found_by_id_and_by_slug(shop_client: ShopClient) -> None:
    product = await shop_client.product(price=1_250)
    guest = shop_client.guest()
    by_id = await guest.get(f"/v1/products/{product.product_id}")
    by_slug = await guest.get(f"/v1/products/{product.slug}")
    assert by_id.status_code == 200
    assert by_id.json() == by_slug.json()
    assert by_id.json()["variants"] == [
        {
            "sku": product.sku,
            "options": {},
            "prices": [{"amount": 1_250, "currency": "USD"}],
            "tax_class": "standard",
            "weight_g": None,
            "compare_at": [],
        }
    ]
    assert by_id.headers["ETag"] == by_slug.headers["ETag"] == f'"{by_id.json()["version"]}"'


async def test_a_client_that_has_the_present_version_is_told_so(shop_client: ShopClient) -> None:
    product = await shop_client.product()
    guest, path = shop_client.guest(), f"/v1/products/{product.product_id}"
    etag = (await guest.get(path)).headers["ETag"]
    for known in (etag, f'"99", W/{etag}', "*"):
        again = await guest.request("GET", path, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    changed = await (await shop_client.staff()).request(
        "PUT", f"/v1/variants/{product.sku}/price", json={"amount": 1, "currency": "USD"}
    )
    assert changed.status_code == 200
    fresh = await guest.request(
        "GET", path, headers={"If-None-Match": etag, "Min-Position": changed.headers["Commit-Position"]}
    )
    assert fresh.status_code == 200
    assert fresh.json()["variants"][0]["prices"] == [{"amount": 1, "currency": "USD"}]


async def test_what_is_not_on_sale_is_for_staff_only(shop_client: ShopClient) -> None:
    category_id = await shop_client.category()
    draft = await shop_client.product(category_id=category_id, publish=False)
    active = await shop_client.product(category_id=category_id)
    archived = await shop_client.product(category_id=category_id)
    staff, guest = await shop_client.staff(), shop_client.guest()
    await staff.post(f"/v1/products/{archived.product_id}/archive")

    async def ids(caller: Caller, **filters: str) -> list[str]:
        answer = await caller.get("/v1/products", **{"filter[category]": category_id, **filters})
        assert answer.status_code == 200, answer.text
        return [product["product_id"] for product in answer.json()["data"]]

    assert await ids(guest) == await ids(guest, **{"filter[status]": "active"}) == [active.product_id]
    assert await ids(staff) == [archived.product_id, active.product_id, draft.product_id]
    assert await ids(staff, **{"filter[status]": "draft"}) == [draft.product_id]
    for hidden in (draft, archived):
        assert (await guest.get(f"/v1/products/{hidden.product_id}")).status_code == 404
        assert (await guest.get(f"/v1/products/{hidden.slug}")).status_code == 404
        assert (await staff.get(f"/v1/products/{hidden.product_id}")).status_code == 200
    refused = await guest.get("/v1/products", **{"filter[status]": "draft"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


async def test_a_category_stands_for_all_that_is_below_it(shop_client: ShopClient) -> None:
    top = await shop_client.category("home")
    middle = await shop_client.category("home-kitchen", top)
    bottom = await shop_client.category("home-kitchen-mugs", middle)
    aside = await shop_client.category("garden")
    below = await shop_client.product(category_id=bottom)
    beside = await shop_client.product(category_id=aside)
    guest = shop_client.guest()
    for named in (top, "home", middle, "home-kitchen-mugs"):
        found = (await guest.get("/v1/products", **{"filter[category]": named})).json()["data"]
        assert [product["product_id"] for product in found] == [below.product_id]
    assert (await guest.get("/v1/products", **{"filter[category]": "garden"})).json()["data"][0][
        "product_id"
    ] == beside.product_id
    assert (await guest.get("/v1/products", **{"filter[category]": "nowhere"})).json()["data"] == []


async def test_the_tree_of_categories_closes_over_one_that_was_removed(shop_client: ShopClient) -> None:
    top = await shop_client.category("tools")
    middle = await shop_client.category("tools-hand", top)
    bottom = await shop_client.category("tools-hand-saws", middle)
    guest, staff = shop_client.guest(), await shop_client.staff()
    tree = (await guest.get("/v1/categories")).json()["data"]
    tools = next(root for root in tree if root["category_id"] == top)
    assert tools["children"][0]["children"][0]["category_id"] == bottom
    assert (await staff.request("DELETE", f"/v1/categories/{middle}")).status_code == 200
    tools = (await guest.get("/v1/categories/tools")).json()
    assert [child["slug"] for child in tools["children"]] == ["tools-hand-saws"]
    assert tools["children"][0]["parent_id"] == middle
    assert (await guest.get(f"/v1/categories/{middle}")).status_code == 404
    assert (await guest.get(f"/v1/categories/{bottom}")).json()["slug"] == "tools-hand-saws"


async def test_a_very_deep_tree_is_answered_all_the_same(shop_client: ShopClient) -> None:
    parent = top = await shop_client.category("depth-0")
    for level in range(1, 60):
        parent = await shop_client.category(f"depth-{level}", parent)
    answer = await shop_client.guest().get(f"/v1/categories/{top}")
    assert answer.status_code == 200
    assert answer.text.count('"category_id"') == 60
    assert (await shop_client.guest().get(f"/v1/categories/{parent}")).json()["slug"] == "depth-59"


async def test_every_price_stays_in_the_history(shop_client: ShopClient) -> None:
    product = await shop_client.product(price=1_000)
    staff = await shop_client.staff()
    other = {"sku": f"{product.sku}-XL", "price": {"amount": 5, "currency": "USD"}}
    created(await staff.post(f"/v1/products/{product.product_id}/variants", other))
    for amount, currency in ((900, "USD"), (850, "EUR"), (800, "USD")):
        await staff.request("PUT", f"/v1/variants/{product.sku}/price", json={"amount": amount, "currency": currency})
    answer = await staff.get(f"/v1/variants/{product.sku}/price-history")
    prices = [(each["price"]["amount"], (each["previous"] or {}).get("amount")) for each in answer.json()["data"]]
    assert prices == [(800, 900), (850, None), (900, 1_000), (1_000, None)]
    assert {each["actor"] for each in answer.json()["data"]} == {staff.user_id}
    assert (await staff.get("/v1/variants/NO-SUCH/price-history")).status_code == 404
    refused = await (await shop_client.customer()).get(f"/v1/variants/{product.sku}/price-history")
    assert refused.status_code == 403
