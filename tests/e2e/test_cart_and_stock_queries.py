"""Carts at today's prices, and stock with the facts behind it."""

from tests.e2e.shop_client import ShopClient, created


async def test_a_guest_without_a_token_sees_an_empty_cart(shop_client: ShopClient) -> None:
    cart = (await shop_client.guest().get("/v1/cart")).json()
    assert cart == {
        "cart_id": None,
        "lines": [],
        "total": {"amount": 0, "currency": "USD"},
        "updated_at": None,
        "version": 0,
        "coupon": None,
        "left_out": [],
    }


async def test_a_cart_shows_todays_prices_and_what_can_be_had(shop_client: ShopClient) -> None:
    plenty = await shop_client.product(price=1_000, stock=10)
    few = await shop_client.product(price=300, stock=2)
    none = await shop_client.product(price=70, stock=0)
    gone = await shop_client.product(price=5)
    guest, staff = shop_client.guest(), await shop_client.staff()
    for product in (plenty, few, none, gone):
        created(await guest.post("/v1/cart/lines", {"sku": product.sku, "quantity": 3}))
    await staff.post(f"/v1/products/{gone.product_id}/archive")
    await staff.request("PUT", f"/v1/variants/{plenty.sku}/price", json={"amount": 1_100, "currency": "USD"})
    answer = await guest.get("/v1/cart")
    cart = answer.json()
    seen = [
        (line["sku"], line["unit_price"], line["total"], line["available"], line["availability"])
        for line in cart["lines"]
    ]

    def usd(amount: int) -> dict[str, object]:
        return {"amount": amount, "currency": "USD"}

    assert seen == [
        (plenty.sku, usd(1_100), usd(3_300), 10, "available"),
        (few.sku, usd(300), usd(900), 2, "too_few"),
        (none.sku, usd(70), usd(210), 0, "out_of_stock"),
        (gone.sku, None, None, 10, "not_for_sale"),
    ]
    assert cart["total"] == usd(4_410)
    assert cart["lines"][0]["slug"] == plenty.slug
    assert answer.headers["ETag"] == f'"{cart["version"]}"'
    euros = (await guest.get("/v1/cart", currency="EUR")).json()
    assert euros["total"] == {"amount": 0, "currency": "EUR"}
    assert {line["availability"] for line in euros["lines"]} == {"not_for_sale"}


async def test_a_cart_belongs_to_whoever_fills_it(shop_client: ShopClient) -> None:
    product = await shop_client.product()
    ann, bob, guest = await shop_client.customer(), await shop_client.customer(), shop_client.guest()
    for someone in (ann, guest):
        created(await someone.post("/v1/cart/lines", {"sku": product.sku}))
    carts = [(await someone.get("/v1/cart")).json() for someone in (ann, bob, guest, shop_client.guest())]
    assert [len(cart["lines"]) for cart in carts] == [1, 0, 1, 0]
    assert carts[0]["cart_id"] != carts[2]["cart_id"]
    emptied = await ann.request("DELETE", "/v1/cart")
    assert emptied.status_code == 200
    assert (await ann.get("/v1/cart")).json()["lines"] == []


async def test_every_unit_of_stock_is_explained_by_its_facts(shop_client: ShopClient) -> None:
    product = await shop_client.product(stock=10)
    staff, ann = await shop_client.staff(), await shop_client.customer()
    adjusted = {"delta": -3, "reason": "broken"}
    created(await staff.post(f"/v1/stock/{product.sku}/adjustments", adjusted))
    sold, kept, given_back = [await shop_client.order(ann, {product.sku: units}) for units in (1, 2, 3)]
    await shop_client.pay(ann, sold)
    await staff.post(f"/v1/orders/{sold}/ship")
    await ann.post(f"/v1/orders/{given_back}/cancel", {"reason": "changed my mind"})

    level = (await staff.get(f"/v1/stock/{product.sku}")).json()
    assert (level["on_hand"], level["reserved"], level["available"]) == (6, 2, 4)
    explained = (await staff.get(f"/v1/stock/{product.sku}/explain")).json()
    assert explained["agrees"] is True
    assert explained["sums"] == {"facts": level["version"], "on_hand": 6, "reserved": 2, "available": 4}
    moves = [(each["type"], each["on_hand"], each["reserved"]) for each in explained["data"]]
    assert moves == [
        ("StockReceived", 10, 0),
        ("StockAdjusted", -3, 0),
        ("StockReserved", 0, 1),
        ("StockReserved", 0, 2),
        ("StockReserved", 0, 3),
        ("StockCommitted", -1, -1),
        ("StockReleased", 0, -3),
    ]
    assert sum(each["on_hand"] for each in explained["data"]) == 6
    last = explained["data"][-1]
    assert (last["on_hand_after"], last["reserved_after"]) == (6, 2)
    assert (last["order_id"], last["note"], last["actor"]) == (given_back, "changed my mind", ann.user_id)
    assert explained["data"][3]["order_id"] == kept
    assert explained["by_type"]["StockReserved"] == {"facts": 3, "on_hand": 0, "reserved": 6, "available": -6}
    rest = (await staff.get(f"/v1/stock/{product.sku}/explain", after=5, limit=1)).json()
    assert [each["type"] for each in rest["data"]] == ["StockCommitted"]
    assert (rest["page"], rest["sums"]) == ({"next_after": 6, "has_more": True}, explained["sums"])

    newest_first = (await staff.get(f"/v1/stock/{product.sku}/movements", limit=3)).json()
    assert [each["version"] for each in newest_first["data"]] == [7, 6, 5]
    older = await staff.get(f"/v1/stock/{product.sku}/movements", limit=3, cursor=newest_first["page"]["next_cursor"])
    assert [each["version"] for each in older.json()["data"]] == [4, 3, 2]


async def test_stock_is_for_staff(shop_client: ShopClient) -> None:
    product = await shop_client.product(stock=0)
    ann, staff = await shop_client.customer(), await shop_client.staff()
    paths = ["/v1/stock", *(f"/v1/stock/{product.sku}{tail}" for tail in ("", "/movements", "/explain"))]
    for path in paths:
        assert (await shop_client.guest().get(path)).status_code == 401
        assert (await ann.get(path)).status_code == 403
        assert (await staff.get(path)).status_code == 200
    assert (await staff.get(f"/v1/stock/{product.sku}")).json()["on_hand"] == 0
    assert (await staff.get("/v1/stock/NO-SUCH")).status_code == 404
