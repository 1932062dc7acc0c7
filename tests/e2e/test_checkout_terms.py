"""Checkout over HTTP in a shop with taxes, shipping zones and coupons: quotes, orders, guests and refusals."""

import secrets
from typing import Any

import pytest_asyncio

from tests.e2e.shop_client import Caller, Product, ShopClient, created
from tests.e2e.test_commands import problem

ADA = {"name": "Ada", "line1": "Main St 1", "city": "Berlin", "postal_code": "10115", "country": "DE"}
ANYWHERE = {**ADA, "country": "NZ"}


def usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD"}


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def terms(shop_client: ShopClient) -> None:
    staff = await shop_client.staff()
    rates = {"prices_include_tax": True, "rates": {"standard": 190_000}}
    assert (await staff.request("PUT", "/v1/taxes/DE", json=rates)).status_code == 200
    for zone, country, methods in (
        ("de", "DE", [("standard", 490), ("express", 1_290)]),
        ("world", "*", [("parcel", 2_500)]),
    ):
        body = {
            "name": zone,
            "countries": [country],
            "methods": [{"id": name, "name": name, "prices": [usd(price)]} for name, price in methods],
        }
        assert (await staff.request("PUT", f"/v1/shipping/zones/{zone}", json=body)).status_code == 200


async def coupon(shop_client: ShopClient, **terms: Any) -> str:
    code = f"C{secrets.token_hex(4).upper()}"
    body = {"code": code.lower(), "kind": "percent", "percent_bp": 1_000, **terms}
    assert created(await (await shop_client.staff()).post("/v1/coupons", body)) == code
    return code


async def with_cart(shop_client: ShopClient, who: Caller, quantity: int = 2) -> Product:
    product = await shop_client.product(price=1_000, stock=100)
    created(await who.post("/v1/cart/lines", {"sku": product.sku, "quantity": quantity}))
    return product


async def test_what_is_quoted_is_what_the_order_costs(shop_client: ShopClient) -> None:
    ann = await shop_client.customer()
    await with_cart(shop_client, ann)
    code = await coupon(shop_client)
    wish = {"ship_to": ADA, "shipping_method": "standard", "coupon": code.lower()}
    head = await shop_client.shop.store.head()
    quote = await ann.post("/v1/checkout/quote", wish, key="")
    assert quote.status_code == 200, quote.text
    assert await shop_client.shop.store.head() == head
    body = quote.json()
    assert (body["subtotal"], body["discount"], body["total"]) == (usd(2_000), usd(200), usd(2_290))
    assert (body["tax"], body["prices_include_tax"], body["coupon"]) == (usd(287 + 78), True, code)
    assert [method["id"] for method in body["shipping_methods"]] == ["standard", "express"]
    assert sum(step["amount"]["amount"] for step in body["steps"] if not step["contained"]) == 2_290
    wrong = await ann.post("/v1/orders", {**wish, "expected_total": usd(2_000)})
    assert problem(wrong, 409, "price_changed")["actual"] == usd(2_290)
    placed = await ann.post("/v1/orders", {**wish, "expected_total": body["total"]})
    assert placed.status_code == 201, placed.text
    order = (await ann.get(f"/v1/orders/{placed.json()['order_id']}")).json()
    for name in ("lines", "subtotal", "discount", "shipping", "tax", "prices_include_tax", "total", "coupon"):
        assert order[name] == body[name], name


async def test_a_quote_tells_what_is_short_and_an_order_is_refused_for_it(shop_client: ShopClient) -> None:
    ann = await shop_client.customer()
    product = await with_cart(shop_client, ann, 101)
    wish = {"country": "NZ"}
    quote = (await ann.post("/v1/checkout/quote", wish, key="")).json()
    assert quote["shortages"] == [{"sku": product.sku, "requested": 101, "available": 100}]
    assert quote["shipping"]["method_id"] == "parcel"
    problem(await ann.post("/v1/orders", {"ship_to": ANYWHERE}), 409, "out_of_stock")


async def test_where_it_goes_and_how_must_be_said(shop_client: ShopClient) -> None:
    ann = await shop_client.customer()
    await with_cart(shop_client, ann)
    for path in ("/v1/checkout/quote", "/v1/orders"):
        problem(await ann.post(path, {}), 422, "address_required")
        missing = problem(await ann.post(path, {"ship_to": ADA}), 422, "shipping_method_required")
        assert missing["methods"] == ["standard", "express"]
        problem(await ann.post(path, {"ship_to": ADA, "shipping_method": "parcel"}), 409, "shipping_unavailable")
    two = await ann.post("/v1/checkout/quote", {"ship_to": ADA, "country": "NZ"})
    problem(two, 422, "validation_failed")


async def test_a_coupon_lies_in_the_cart_until_the_order(shop_client: ShopClient) -> None:
    ann, staff = await shop_client.customer(), await shop_client.staff()
    await with_cart(shop_client, ann)
    code = await coupon(shop_client, limit=1, limit_per_customer=1)
    put = await ann.request("PUT", "/v1/cart/coupon", json={"code": code.lower()})
    assert put.status_code == 200, put.text
    assert (await ann.get("/v1/cart")).json()["coupon"] == code
    placed = await ann.post("/v1/orders", {"ship_to": ANYWHERE})
    assert placed.json()["total"] == usd(1_800 + 2_500)
    assert (await ann.get("/v1/cart")).json()["coupon"] is None
    assert (await staff.get(f"/v1/coupons/{code}")).json()["redeemed"] == 1
    await with_cart(shop_client, ann)
    problem(await ann.request("PUT", "/v1/cart/coupon", json={"code": code}), 409, "coupon_used_up")
    refused = await ann.post("/v1/orders", {"ship_to": ANYWHERE, "coupon": code})
    assert problem(refused, 409, "coupon_not_applicable")["why"] == "used_up"
    cancelled = await ann.post(f"/v1/orders/{placed.json()['order_id']}/cancel", {"reason": "changed my mind"})
    assert cancelled.status_code == 200
    assert (await ann.request("PUT", "/v1/cart/coupon", json={"code": code})).status_code == 200
    assert (await ann.request("DELETE", "/v1/cart/coupon")).status_code == 200
    assert (await ann.get("/v1/cart")).json()["coupon"] is None


async def test_a_coupon_is_refused_with_a_reason(shop_client: ShopClient) -> None:
    ann, guest = await shop_client.customer(), shop_client.guest()
    for who in (ann, guest):
        await with_cart(shop_client, who)
    for who, terms, code in (
        (ann, {"ends_at": "2020-01-01T00:00:00Z"}, "coupon_expired"),
        (ann, {"starts_at": "2120-01-01T00:00:00Z"}, "coupon_not_yet"),
        (ann, {"minimum": [usd(2_001)]}, "coupon_minimum"),
        (ann, {"category_id": await shop_client.category()}, "coupon_goods"),
        (guest, {"limit_per_customer": 1}, "coupon_sign_in"),
    ):
        body = {"code": await coupon(shop_client, **terms)}
        refused = problem(await who.request("PUT", "/v1/cart/coupon", json=body), 409, code)
        assert all(refused[name] == moment for name, moment in terms.items() if name.endswith("_at")), refused
    problem(await ann.request("PUT", "/v1/cart/coupon", json={"code": "NOBODY"}), 409, "coupon_unknown")


async def test_staff_keep_coupons(shop_client: ShopClient) -> None:
    staff, ann = await shop_client.staff(), await shop_client.customer()
    code = await coupon(shop_client, limit=5, note="newsletter")
    problem(await staff.post("/v1/coupons", {"code": code, "kind": "free_shipping"}), 409, "name_taken")
    problem(await staff.post("/v1/coupons", {"code": "NEW", "kind": "fixed"}), 422, "coupon_terms_refused")
    problem(await staff.request("PATCH", f"/v1/coupons/{code}", json={}), 422, "validation_failed")
    changed = await staff.request("PATCH", f"/v1/coupons/{code.lower()}", json={"limit": None, "percent_bp": 500})
    assert changed.json()["id"] == code
    seen = (await staff.get(f"/v1/coupons/{code}")).json()
    assert (seen["limit"], seen["percent_bp"], seen["note"], seen["version"]) == (None, 500, "newsletter", 2)
    listed = (await staff.get("/v1/coupons", limit=100)).json()["data"]
    assert seen in listed
    assert (await staff.request("DELETE", f"/v1/coupons/{code}")).status_code == 200
    gone = (await staff.get("/v1/coupons", **{"filter[withdrawn]": "true"})).json()["data"]
    assert code in [each["code"] for each in gone]
    problem(await staff.get("/v1/coupons/NOBODY"), 404, "not_found")
    for answer in (
        await ann.get("/v1/coupons"),
        await ann.post("/v1/coupons", {"code": "AB", "kind": "free_shipping"}),
    ):
        problem(answer, 403, "forbidden")


async def test_anyone_may_see_the_terms_and_staff_set_them(shop_client: ShopClient) -> None:
    staff, guest = await shop_client.staff(), shop_client.guest()
    taxes = (await guest.get("/v1/taxes")).json()["data"]
    assert taxes == [{"country": "DE", "prices_include_tax": True, "rates": {"standard": 190_000}}]
    zones = (await guest.get("/v1/shipping/zones")).json()["data"]
    assert [(zone["id"], zone["countries"]) for zone in zones] == [("de", ["DE"]), ("world", ["*"])]
    assert zones[1]["methods"] == [{"id": "parcel", "name": "parcel", "prices": [usd(2_500)], "free_from": []}]
    taken = {"name": "x", "countries": ["DE"], "methods": [{"id": "a", "name": "a", "prices": [usd(1)]}]}
    refused = problem(await staff.request("PUT", "/v1/shipping/zones/x", json=taken), 409, "country_in_another_zone")
    assert (refused["country"], refused["zone_id"]) == ("DE", "de")
    twice = {**taken, "methods": [{"id": "a", "name": "a", "prices": [usd(1), usd(2)]}]}
    problem(await staff.request("PUT", "/v1/shipping/zones/x", json=twice), 422, "validation_failed")
    no_standard = {"prices_include_tax": False, "rates": {"reduced": 1}}
    problem(await staff.request("PUT", "/v1/taxes/AT", json=no_standard), 422, "limit_exceeded")
    problem(await guest.request("DELETE", "/v1/taxes/DE"), 401, "unauthorized")
    fine = {**no_standard, "rates": {"standard": 200_000}}
    for method, path, body in (
        ("PUT", "/v1/taxes/AT", fine),
        ("PUT", "/v1/shipping/zones/x", {**taken, "countries": []}),
    ):
        assert (await staff.request(method, path, json=body)).json()["id"] == path.rpartition("/")[2]
        assert (await staff.request("DELETE", path)).status_code == 200
    assert (await guest.get("/v1/taxes")).json()["data"] == taxes
    assert (await guest.get("/v1/shipping/zones")).json()["data"] == zones


async def test_a_guest_orders_pays_and_cancels_with_the_token_of_the_cart(shop_client: ShopClient) -> None:
    guest, stranger, staff = shop_client.guest(), shop_client.guest(), await shop_client.staff()
    await with_cart(shop_client, guest)
    problem(await guest.post("/v1/orders", {"ship_to": ANYWHERE}), 422, "validation_failed")
    body = {"ship_to": ANYWHERE, "bill_to": ADA, "email": "guest@example.com"}
    placed = await guest.post("/v1/orders", body)
    assert placed.status_code == 201, placed.text
    path = f"/v1/orders/{placed.json()['order_id']}"
    seen = (await guest.get(path)).json()
    assert seen["customer_id"].startswith("gst_")
    assert (seen["email"], seen["bill_to"]["country"]) == ("guest@example.com", "DE")
    assert (await guest.get(f"{path}/history")).json()["version"] == 1
    assert (await guest.get(path, version=1)).json()["total"] == seen["total"]
    paid = await guest.post(f"{path}/pay", {"method": "tok_approve"}, headers={"Prefer": "wait=5"})
    assert paid.status_code == 202, paid.text
    await with_cart(shop_client, stranger)
    ann = await shop_client.customer()
    for who in (stranger, ann):
        for suffix in ("", "/history"):
            problem(await who.get(f"{path}{suffix}"), 404, "not_found")
        problem(await who.post(f"{path}/cancel", {"reason": "mine"}), 404, "not_found")
        problem(await who.post(f"{path}/pay", {"method": "tok_approve"}), 404, "not_found")
    problem(await shop_client.guest().get(path), 401, "unauthorized")
    assert (await staff.get(path)).status_code == 200
    assert (await guest.post(f"{path}/cancel", {"reason": "changed my mind"})).status_code == 200
    await with_cart(shop_client, guest)
    again = (await guest.post("/v1/orders", body)).json()["order_id"]
    other = (await guest.get(f"/v1/orders/{again}")).json()
    assert other["customer_id"] != seen["customer_id"]  # a person of its own, each time


async def test_a_guest_without_a_cart_has_nothing_to_order(shop_client: ShopClient) -> None:
    body = {"ship_to": ANYWHERE, "email": "guest@example.com"}
    problem(await shop_client.guest().post("/v1/orders", body), 404, "not_found")
    problem(await shop_client.guest().post("/v1/checkout/quote", {"country": "NZ"}), 409, "cart_empty")


async def test_the_token_of_a_cart_opens_no_order_of_a_customer(shop_client: ShopClient) -> None:
    """Who signed in and ordered what still lay in the guest's cart has an order of their own."""
    guest, ann = shop_client.guest(), await shop_client.customer()
    await with_cart(shop_client, guest)
    ann.headers["X-Cart-Token"] = guest.headers["X-Cart-Token"]
    order = (await ann.post("/v1/orders", {"ship_to": ANYWHERE})).json()["order_id"]
    assert (await ann.get(f"/v1/orders/{order}")).status_code == 200
    problem(await guest.get(f"/v1/orders/{order}"), 404, "not_found")


async def test_a_repeated_guest_order_is_one_order(shop_client: ShopClient) -> None:
    guest = shop_client.guest()
    await with_cart(shop_client, guest)
    body = {"ship_to": ANYWHERE, "email": "guest@example.com"}
    first, second = [await guest.post("/v1/orders", body, key="guest-once") for _ in range(2)]
    assert (first.status_code, second.content) == (201, first.content)
    assert second.headers["Idempotent-Replayed"] == "true"
