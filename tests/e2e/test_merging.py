"""A guest's cart at sign-in: it comes along whole and once, and its token opens nothing that is a customer's."""

import asyncio
from typing import Any

import pytest

import commands.cart
from commands.cart import MAX_QUANTITY
from events.cart import CartClosed, CartMerged
from tests.e2e.shop_client import PASSWORD, Caller, ShopClient, created
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE


async def _filled(client: ShopClient, **quantities: int) -> Caller:
    guest = client.guest()
    for sku, quantity in quantities.items():
        created(await guest.post("/v1/cart/lines", {"sku": sku, "quantity": quantity}))
    return guest


async def _login(client: ShopClient, customer: Caller, guest: Caller) -> Any:
    form = {"username": customer.email, "password": PASSWORD}
    answer = await guest.request("POST", "/v1/auth/login", data=form)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _cart(caller: Caller) -> dict[str, int]:
    return {line["sku"]: line["quantity"] for line in (await caller.get("/v1/cart")).json()["lines"]}


async def test_signing_in_brings_the_guests_cart_along_once(shop_client: ShopClient) -> None:
    mug, jug = await shop_client.product(), await shop_client.product()
    ann = await shop_client.sign_up()
    created(await ann.post("/v1/cart/lines", {"sku": mug.sku, "quantity": 1}))
    guest = await _filled(shop_client, **{mug.sku: 2, jug.sku: 3})
    first = await _login(shop_client, ann, guest)
    assert first["merged"] == {"cart_id": (await ann.get("/v1/cart")).json()["cart_id"]} | {
        "lines": 2,
        "units": 5,
        "capped": [],
    }
    assert (await _login(shop_client, ann, guest))["merged"] is None
    assert await _cart(ann) == {mug.sku: 3, jug.sku: 3}
    assert await _cart(guest) == {}


async def test_two_sign_ins_at_once_merge_once(shop_client: ShopClient) -> None:
    mug = await shop_client.product()
    ann, guest = await shop_client.sign_up(), await _filled(shop_client, **{mug.sku: 2})
    head = await shop_client.shop.store.head()
    answers = await asyncio.gather(*(_login(shop_client, ann, guest) for _ in range(4)))
    assert sorted(answer["merged"] is None for answer in answers) == [False, True, True, True]
    assert await _cart(ann) == {mug.sku: 2}
    facts = await shop_client.shop.store.read_all(head, limit=100)
    merged = [fact for fact in facts if isinstance(fact.event, CartMerged | CartClosed)]
    assert [type(fact.event) for fact in merged] == [CartMerged, CartClosed]
    assert len({fact.recorded_at for fact in merged}) == 1


async def test_what_does_not_fit_is_said(shop_client: ShopClient) -> None:
    mug = await shop_client.product()
    ann, guest = await shop_client.sign_up(), await _filled(shop_client, **{mug.sku: MAX_QUANTITY})
    created(await ann.post("/v1/cart/lines", {"sku": mug.sku, "quantity": 5}))
    merged = (await _login(shop_client, ann, guest))["merged"]
    assert merged["capped"] == [{"sku": mug.sku, "quantity": MAX_QUANTITY - 5, "left_out": 5}]
    assert await _cart(ann) == {mug.sku: MAX_QUANTITY}
    cart = (await ann.get("/v1/cart")).json()
    assert "capped" in cart["lines"][0]["changes"]
    assert cart["left_out"] == [
        {"sku": mug.sku, "product_id": mug.product_id, "slug": mug.slug, "units": 5}
        | {"name": f"Product {mug.slug.removeprefix('product-')}"}
    ]
    await ann.request("PATCH", f"/v1/cart/lines/{mug.sku}", json={"quantity": 3})
    cart = (await ann.get("/v1/cart")).json()
    assert ("capped" in cart["lines"][0]["changes"], cart["left_out"]) == (False, [])


async def test_a_line_that_there_is_no_room_for_is_said_too(
    shop_client: ShopClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands.cart, "MAX_LINES", 1)
    mug, jug = await shop_client.product(), await shop_client.product()
    ann, guest = await shop_client.sign_up(), await _filled(shop_client, **{mug.sku: 4})
    created(await ann.post("/v1/cart/lines", {"sku": jug.sku, "quantity": 5}))
    merged = (await _login(shop_client, ann, guest))["merged"]
    assert merged["capped"] == [{"sku": mug.sku, "quantity": 0, "left_out": 4}]
    assert await _cart(ann) == {jug.sku: 5}
    cart = (await ann.get("/v1/cart")).json()
    assert [(each["sku"], each["units"]) for each in cart["left_out"]] == [(mug.sku, 4)]
    assert cart["lines"][0]["changes"] == []
    monkeypatch.setattr(commands.cart, "MAX_LINES", 2)
    created(await ann.post("/v1/cart/lines", {"sku": mug.sku, "quantity": 1}))
    assert (await ann.get("/v1/cart")).json()["left_out"] == []
    assert await _cart(ann) == {jug.sku: 5, mug.sku: 1}


async def test_a_new_customer_begins_with_what_the_guest_had(shop_client: ShopClient) -> None:
    mug = await shop_client.product()
    guest = await _filled(shop_client, **{mug.sku: 2})
    person = {"email": f"{mug.sku.lower()}@example.com", "password": PASSWORD}
    assert (await guest.post("/v1/auth/register", person, key="")).status_code == 201
    assert await _cart(guest) == {mug.sku: 2}  # it tells nobody whether the address was free
    form = {"username": person["email"], "password": PASSWORD}
    answer = await guest.request("POST", "/v1/auth/login", data=form)
    assert answer.json()["merged"]["units"] == 2
    assert await _cart(Caller(shop_client, answer.json()["access_token"])) == {mug.sku: 2}


async def test_the_token_alone_never_opens_a_customers_cart(shop_client: ShopClient) -> None:
    """And who signs out on that machine goes on with it as a guest."""
    mug, jug = await shop_client.product(), await shop_client.product()
    ann, bob = await shop_client.sign_up(), await shop_client.customer()
    guest = await _filled(shop_client, **{mug.sku: 2})
    token = {"X-Cart-Token": guest.headers["X-Cart-Token"]}
    await _login(shop_client, ann, guest)
    assert await _cart(guest) == {}
    bob.headers |= token
    assert await _cart(bob) == {}
    ann.headers |= token
    assert await _cart(ann) == {mug.sku: 2}
    created(await ann.post("/v1/cart/lines", {"sku": jug.sku}))
    created(await guest.post("/v1/cart/lines", {"sku": jug.sku, "quantity": 4}))
    assert (await _cart(ann), await _cart(guest)) == ({mug.sku: 2, jug.sku: 1}, {jug.sku: 4})
    await _login(shop_client, ann, guest)
    assert (await _cart(ann), await _cart(guest)) == ({mug.sku: 2, jug.sku: 5}, {})


async def test_who_signed_in_without_the_token_still_orders_the_guests_cart(shop_client: ShopClient) -> None:
    mug = await shop_client.product()
    guest, ann = await _filled(shop_client, **{mug.sku: 2}), await shop_client.customer()
    ann.headers |= guest.headers
    assert await _cart(ann) == {mug.sku: 2}
    assert (await ann.post("/v1/orders")).status_code == 201
    assert await _cart(guest) == {}
