"""Staff keep the catalog over HTTP: the tree, declared attributes, media, slugs, drafts, archives, and two at once."""

import asyncio
from typing import Any

import httpx

from tests.e2e.shop_client import Caller, ShopClient, created
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE


async def changed(caller: Caller, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    return await caller.request("PATCH", path, json=body, headers=headers)


async def test_a_category_moves_with_its_products_and_never_below_itself(shop_client: ShopClient) -> None:
    staff, guest = await shop_client.staff(), shop_client.guest()
    top, other = await shop_client.category("move-top"), await shop_client.category("move-other")
    below = await shop_client.category("move-below", top)
    product = await shop_client.product(category_id=below)
    assert (await changed(staff, f"/v1/categories/{below}", {"parent_id": other})).status_code == 200
    found = (await guest.get("/v1/products", **{"filter[category]": "move-other"})).json()["data"]
    assert [each["product_id"] for each in found] == [product.product_id]
    refused = await changed(staff, f"/v1/categories/{other}", {"parent_id": below})
    assert (refused.status_code, refused.json()["code"]) == (409, "category_cycle")
    assert (await changed(staff, f"/v1/categories/{below}", {"parent_id": None})).status_code == 200
    tree = (await guest.get(f"/v1/categories/{below}")).json()
    assert tree["parent_id"] is None
    assert (await changed(staff, f"/v1/categories/{below}", {})).status_code == 422


async def test_two_moves_that_would_make_a_ring_do_not_both_happen(shop_client: ShopClient) -> None:
    staff = await shop_client.staff()
    for n in range(5):
        one, two = await shop_client.category(f"ring-a{n}"), await shop_client.category(f"ring-b{n}")
        answers = await asyncio.gather(
            changed(staff, f"/v1/categories/{one}", {"parent_id": two}),
            changed(staff, f"/v1/categories/{two}", {"parent_id": one}),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_attributes_are_declared_inherited_and_judged(shop_client: ShopClient) -> None:
    staff = await shop_client.staff()
    top = await shop_client.category("declare-top")
    below = await shop_client.category("declare-below", top)
    color = {"name": "color", "kind": "enum", "values": ["red", "blue"]}
    declared = await changed(staff, f"/v1/categories/{top}", {"attributes": [color]})
    assert declared.status_code == 200
    shown = (await shop_client.guest().get(f"/v1/categories/{below}")).json()["attributes"]
    assert shown == [{**color, "declared_by": top}]
    body = {"slug": "declared", "name": "Declared", "category_id": below, "attributes": {"color": "green"}}
    refused = await staff.post("/v1/products", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "attributes_refused")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/attributes/color"]
    product = created(await staff.post("/v1/products", {**body, "attributes": {"color": "red"}}))
    withdrawn = await changed(staff, f"/v1/categories/{top}", {"attributes": [{"name": "size", "kind": "text"}]})
    assert withdrawn.status_code == 200
    assert (await changed(staff, f"/v1/products/{product}", {"name": "As before"})).status_code == 200
    assert (await staff.get(f"/v1/products/{product}")).json()["attributes"] == {"color": "red"}


async def test_declarations_that_make_no_sense_are_refused(shop_client: ShopClient) -> None:
    staff, category = await shop_client.staff(), await shop_client.category()
    for attributes in (
        [{"name": "color", "kind": "enum"}],
        [{"name": "size", "kind": "text", "values": ["S"]}],
        [{"name": "size", "kind": "text"}, {"name": "size", "kind": "number"}],
        [{"name": "size", "kind": "colour"}],
    ):
        assert (await changed(staff, f"/v1/categories/{category}", {"attributes": attributes})).status_code == 422


async def test_media_weight_and_tax_class_are_shown(shop_client: ShopClient) -> None:
    staff, product = await shop_client.staff(), await shop_client.product()
    media = [{"url": "https://cdn.test/a.jpg", "alt": "A", "kind": "image"}]
    assert (await changed(staff, f"/v1/products/{product.product_id}", {"media": media})).status_code == 200
    variant = {"tax_class": "reduced", "weight_g": 250}
    assert (await changed(staff, f"/v1/variants/{product.sku}", variant)).status_code == 200
    shown = (await staff.get(f"/v1/products/{product.product_id}")).json()
    assert shown["media"] == media
    assert {name: shown["variants"][0][name] for name in variant} == variant
    refused = await changed(staff, f"/v1/products/{product.product_id}", {"media": [{"url": "javascript:alert(1)"}]})
    assert refused.status_code == 422


async def test_an_old_slug_leads_to_the_present_one(shop_client: ShopClient) -> None:
    staff, guest, product = await shop_client.staff(), shop_client.guest(), await shop_client.product()
    path = f"/v1/products/{product.product_id}"
    for slug in (f"{product.slug}-2", f"{product.slug}-3"):
        assert (await changed(staff, path, {"slug": slug})).status_code == 200
    for former in (product.slug, f"{product.slug}-2"):
        moved = await guest.get(f"/v1/products/{former}")
        assert (moved.status_code, moved.headers["Location"]) == (301, f"/v1/products/{product.slug}-3")
    assert (await guest.get(f"/v1/products/{product.slug}-3")).json()["product_id"] == product.product_id
    other = {"slug": product.slug, "name": "Other", "category_id": product.category_id}
    assert (await staff.post("/v1/products", other)).json()["code"] == "name_taken"
    await staff.post(f"{path}/archive")
    assert (await guest.get(f"/v1/products/{product.slug}")).status_code == 404, "what is not on sale leads nowhere"


async def test_archiving_leaves_old_orders_and_carts_readable(shop_client: ShopClient) -> None:
    staff, customer = await shop_client.staff(), await shop_client.customer()
    product, rest = await shop_client.product(price=1_000), await shop_client.product()
    order = await shop_client.order(customer, {product.sku: 2})
    created(await customer.post("/v1/cart/lines", {"sku": product.sku, "quantity": 1}))
    assert (await staff.post(f"/v1/products/{product.product_id}/archive")).status_code == 200
    seen = (await customer.get(f"/v1/orders/{order}")).json()
    assert [(line["sku"], line["unit_price"]["amount"]) for line in seen["lines"]] == [(product.sku, 1_000)]
    cart = await customer.get("/v1/cart")
    assert cart.status_code == 200
    assert [line["sku"] for line in cart.json()["lines"]] == [product.sku]
    refused = await customer.post("/v1/orders")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_for_sale")
    taken = {"sku": product.sku, "price": {"amount": 1, "currency": "USD"}}
    assert (await staff.post(f"/v1/products/{rest.product_id}/variants", taken)).json()["code"] == "name_taken"
    assert (await customer.request("DELETE", f"/v1/cart/lines/{product.sku}")).status_code == 200


async def test_a_product_goes_off_the_shelf_and_comes_back(shop_client: ShopClient) -> None:
    staff, guest, product = await shop_client.staff(), shop_client.guest(), await shop_client.product()
    path = f"/v1/products/{product.product_id}"
    for verb, status, seen in (("unpublish", "draft", 404), ("publish", "active", 200), ("archive", "archived", 404)):
        assert (await staff.post(f"{path}/{verb}")).status_code == 200
        assert (await staff.get(path)).json()["status"] == status
        assert (await guest.get(path)).status_code == seen


async def test_of_two_staff_who_edit_at_once_the_second_learns_what_the_first_did(shop_client: ShopClient) -> None:
    ann, bob = await shop_client.staff(), await shop_client.admin()
    product = await shop_client.product()
    etag = (await ann.get(f"/v1/products/{product.product_id}")).headers["ETag"]
    edits = [
        (ann, "PATCH", f"/v1/products/{product.product_id}", {"name": "Of Ann"}),
        (bob, "PATCH", f"/v1/variants/{product.sku}", {"weight_g": 7}),
        (bob, "PUT", f"/v1/variants/{product.sku}/price", {"amount": 1, "currency": "USD"}),
        (bob, "POST", f"/v1/products/{product.product_id}/archive", {}),
    ]
    answers = await asyncio.gather(
        *(who.request(method, path, json=body, headers={"If-Match": etag}) for who, method, path, body in edits)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    winner = next(n for n, answer in enumerate(answers) if answer.status_code == 200)
    for answer in answers[:winner] + answers[winner + 1 :]:
        body = answer.json()
        version = int(etag.strip('"'))
        assert (body["code"], body["expected_version"], body["current_version"]) == (
            "version_mismatch",
            version,
            version + 1,
        )
        (event,) = body["intervening_events"]
        assert set(event) == {"version", "type", "at", "actor"} and event["at"].endswith("Z")
        assert (event["version"], event["actor"]) == (version + 1, edits[winner][0].user_id)
