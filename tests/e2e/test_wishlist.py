"""Wishlists: a customer's own, at today's prices, and from there into the cart."""

from tests.e2e.shop_client import ShopClient


async def test_a_wishlist_shows_what_has_become_of_the_wishes(shop_client: ShopClient) -> None:
    mug, jug = await shop_client.product(price=1_000), await shop_client.product(stock=0)
    ann, staff = await shop_client.customer(), await shop_client.staff()
    for product in (mug, jug, mug):
        assert (await ann.request("PUT", f"/v1/wishlist/{product.sku}")).status_code == 200
    await staff.request("PUT", f"/v1/variants/{mug.sku}/price", json={"amount": 900, "currency": "USD"})
    answer = await ann.get("/v1/wishlist")
    seen = [(wish["sku"], wish["availability"], wish["changes"]) for wish in answer.json()["data"]]
    assert seen == [(jug.sku, "out_of_stock", ["out_of_stock"]), (mug.sku, "available", ["price_fell"])]
    assert (answer.json()["version"], answer.headers["ETag"]) == (2, '"2"')
    assert (await ann.request("DELETE", f"/v1/wishlist/{jug.sku}")).status_code == 200
    assert [wish["sku"] for wish in (await ann.get("/v1/wishlist")).json()["data"]] == [mug.sku]


async def test_a_wish_moves_into_the_cart_or_stays(shop_client: ShopClient) -> None:
    mug, ann = await shop_client.product(), await shop_client.customer()
    await ann.request("PUT", f"/v1/wishlist/{mug.sku}")
    moved = await ann.post(f"/v1/wishlist/{mug.sku}/move-to-cart", {"quantity": 2}, key="move-it")
    again = await ann.post(f"/v1/wishlist/{mug.sku}/move-to-cart", {"quantity": 2}, key="move-it")
    assert (moved.status_code, again.json()) == (200, moved.json())
    assert (await ann.get("/v1/wishlist")).json()["data"] == []
    cart = (await ann.get("/v1/cart")).json()
    assert ([line["quantity"] for line in cart["lines"]], cart["version"]) == ([2], moved.json()["cart_version"])
    missing = await ann.post(f"/v1/wishlist/{mug.sku}/move-to-cart")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    await ann.request("PUT", f"/v1/wishlist/{mug.sku}")
    await (await shop_client.staff()).post(f"/v1/products/{mug.product_id}/archive")
    assert (await ann.post(f"/v1/wishlist/{mug.sku}/move-to-cart")).json()["code"] == "not_for_sale"
    assert len((await ann.get("/v1/wishlist")).json()["data"]) == 1


async def test_a_wishlist_is_its_customers_own(shop_client: ShopClient) -> None:
    mug, guest = await shop_client.product(), shop_client.guest()
    ann, bob = await shop_client.customer(), await shop_client.customer()
    await ann.request("PUT", f"/v1/wishlist/{mug.sku}")
    assert (await bob.get("/v1/wishlist")).json() == {"data": [], "updated_at": None, "version": 0}
    asked = [
        await guest.get("/v1/wishlist"),
        await guest.request("PUT", f"/v1/wishlist/{mug.sku}"),
        await guest.request("DELETE", f"/v1/wishlist/{mug.sku}"),
        await guest.post(f"/v1/wishlist/{mug.sku}/move-to-cart"),
    ]
    assert [answer.status_code for answer in asked] == [401] * 4
