"""Orders that go out in parts, goods that come back, and what differs between two points of an order's life."""

from typing import Any

from tests.e2e.shop_client import Caller, ShopClient


async def _paid(client: ShopClient, customer: Caller, units: int = 3) -> tuple[str, str]:
    product = await client.product(price=1_000, stock=10)
    return await client.paid_order(customer, {product.sku: units}), product.sku


def _parcel(sku: str, units: int, tracking: str) -> dict[str, Any]:
    return {"carrier": "DHL", "tracking": tracking, "lines": [{"sku": sku, "quantity": units}]}


async def test_an_order_goes_out_in_two_parcels(shop_client: ShopClient) -> None:
    ann, staff = await shop_client.customer(), await shop_client.staff()
    order_id, sku = await _paid(shop_client, ann)
    path = f"/v1/orders/{order_id}"
    assert (await staff.post(f"{path}/ship", _parcel(sku, 2, "T-1"))).status_code == 200
    order = (await ann.get(path)).json()
    assert (order["status"], order["carrier"], order["tracking"]) == ("PAID", "DHL", "T-1")
    assert [parcel["lines"] for parcel in order["shipments"]] == [[{"sku": sku, "quantity": 2}]]
    stock = (await staff.get(f"/v1/stock/{sku}")).json()
    assert (stock["on_hand"], stock["reserved"]) == (8, 1)

    refused = await ann.post(f"{path}/cancel", {"reason": "too late"})
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["allowed"]) == (409, "invalid_transition", ["SHIPPED"])
    too_many = (await staff.post(f"{path}/ship", _parcel(sku, 2, "T-2"))).json()
    assert (too_many["code"], too_many["items"]) == (
        "too_many_units",
        [{"sku": sku, "requested": 2, "possible": 1}],
    )

    assert (await staff.post(f"{path}/ship", {"carrier": "UPS", "tracking": "T-2"})).status_code == 200
    order = (await ann.get(path)).json()
    assert order["status"] == "SHIPPED"
    assert [(parcel["carrier"], parcel["tracking"], parcel["lines"]) for parcel in order["shipments"]] == [
        ("DHL", "T-1", [{"sku": sku, "quantity": 2}]),
        ("UPS", "T-2", [{"sku": sku, "quantity": 1}]),
    ]
    assert all(parcel["shipped_at"] for parcel in order["shipments"])
    assert (await ann.get(path, version=order["version"])).json() == order, "the table says what the facts say"


async def test_reconciliation_counts_what_is_yet_to_be_sent(shop_client: ShopClient) -> None:
    ann, staff = await shop_client.customer(), await shop_client.staff()
    order_id, sku = await _paid(shop_client, ann)
    assert (await staff.post(f"/v1/orders/{order_id}/ship", _parcel(sku, 2, "T-1"))).status_code == 200
    assert await _unkept(staff, sku) == []
    change = "UPDATE stock_level SET reserved = reserved + $2 WHERE sku = $1"
    await shop_client.shop.pool.execute(change, sku, -1)
    assert await _unkept(staff, sku) == [(1, 0)]
    await shop_client.shop.pool.execute(change, sku, 1)


async def _unkept(staff: Caller, sku: str) -> list[tuple[int, int]]:
    """What reconciliation finds: units that are to be sent, and units that are reserved."""
    found = (await staff.get("/v1/reports/reconciliation")).json()["data"]
    return [(each["expected"], each["found"]) for each in found if each["sku"] == sku]


async def test_a_part_is_sent_once_by_its_key(shop_client: ShopClient) -> None:
    ann, staff = await shop_client.customer(), await shop_client.staff()
    order_id, sku = await _paid(shop_client, ann)
    path = f"/v1/orders/{order_id}/ship"
    keyless = await staff.post(path, _parcel(sku, 1, "T"), key="")
    assert (keyless.status_code, keyless.json()["code"]) == (400, "idempotency_key_required")
    first = await staff.post(path, _parcel(sku, 1, "T"), key="parcel-1")
    again = await staff.post(path, _parcel(sku, 1, "T"), key="parcel-1")
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    assert len((await ann.get(f"/v1/orders/{order_id}")).json()["shipments"]) == 1


async def test_goods_come_back_to_the_shelf_or_are_written_off_and_every_number_is_explained(
    shop_client: ShopClient,
) -> None:
    ann, staff = await shop_client.customer(), await shop_client.staff()
    order_id, sku = await _paid(shop_client, ann)
    path = f"/v1/orders/{order_id}"
    assert (await staff.post(f"{path}/ship", {"carrier": "DHL"})).status_code == 200
    lines = [{"sku": sku, "quantity": 1}, {"sku": sku, "quantity": 1, "restock": False}]
    body = {"lines": lines, "reason": "one is broken"}
    assert (await ann.post(f"{path}/returns", body)).status_code == 403
    answer = await staff.post(f"{path}/returns", body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["worth"] == {"amount": 2_000, "currency": "USD"}
    order = (await ann.get(path)).json()
    [back] = order["returns"]
    assert (back["return_id"], back["reason"]) == (answer.json()["return_id"], "one is broken")
    assert [(line["quantity"], line["restocked"], line["worth"]["amount"]) for line in back["lines"]] == [
        (1, True, 1_000),
        (1, False, 1_000),
    ]
    assert (await ann.get(path, version=order["version"])).json() == order
    explained = (await staff.get(f"/v1/stock/{sku}/explain")).json()
    assert (explained["on_hand"], explained["reserved"], explained["agrees"]) == (8, 0, True)
    sold, returned, written_off = (
        explained["by_type"][kind]["on_hand"] for kind in ("StockCommitted", "StockReturned", "StockWrittenOff")
    )
    assert (sold, returned, written_off) == (-3, 2, -1)
    more = await staff.post(f"{path}/returns", {**body, "lines": [{"sku": sku, "quantity": 2}]})
    assert (more.status_code, more.json()["items"]) == (409, [{"sku": sku, "requested": 2, "possible": 1}])


async def test_what_was_not_sent_does_not_come_back(shop_client: ShopClient) -> None:
    ann, staff = await shop_client.customer(), await shop_client.staff()
    order_id, sku = await _paid(shop_client, ann)
    body = {"lines": [{"sku": sku, "quantity": 1}], "reason": "why"}
    answer = await staff.post(f"/v1/orders/{order_id}/returns", body)
    assert (answer.status_code, answer.json()["to"]) == (409, "RETURNED")
    nobody = await staff.post("/v1/orders/ord_01h455vb4pex5vsknk084sn02q/returns", body)
    assert nobody.status_code == 404


async def test_what_differs_between_two_points_of_an_orders_life(shop_client: ShopClient) -> None:
    ann, staff = await shop_client.customer(), await shop_client.staff()
    order_id, _ = await _paid(shop_client, ann)
    path = f"/v1/orders/{order_id}"
    before = (await ann.get(path)).json()["version"]
    assert (await ann.post(f"{path}/cancel", {"reason": "changed my mind"})).status_code == 200
    diff = (await ann.get(f"{path}/diff", **{"from": before, "to": before + 1})).json()
    assert (diff["from_version"], diff["to_version"]) == (before, before + 1)
    changed = {each["field"]: (each["before"], each["after"]) for each in diff["data"]}
    assert changed == {"status": ("PAID", "CANCELLED"), "cancel_reason": ("", "changed my mind")}
    [deed] = diff["data"][0]["by"]
    assert (deed["type"], deed["actor"], deed["command"]) == ("OrderCancelled", ann.user_id, "CancelOrder")
    assert (deed["reason"], deed["version"]) == ("changed my mind", before + 1)

    whole = (await staff.get(f"{path}/diff")).json()
    by_field = {each["field"]: each for each in whole["data"]}
    assert whole["from_version"] == 0
    assert (by_field["status"]["before"], by_field["status"]["after"]) == (None, "CANCELLED")
    assert [deed["type"] for deed in by_field["status"]["by"]] == ["OrderPlaced", "OrderPaid", "OrderCancelled"]
    placed = (await ann.get(f"{path}/history")).json()["data"][0]
    since = (await ann.get(f"{path}/diff", **{"from": placed["recorded_at"]})).json()
    assert since["from_version"] == 1

    same = (await ann.get(f"{path}/diff", **{"from": 2, "to": 2})).json()
    assert same["data"] == []
    assert (await ann.get(f"{path}/diff", **{"from": 3, "to": 2})).status_code == 422
    assert (await ann.get(f"{path}/diff", **{"from": 1, "to": 99})).status_code == 404
    assert (await ann.get(f"{path}/diff", **{"from": "noon"})).status_code == 422
    stranger = await shop_client.customer("Bob")
    assert (await stranger.get(f"{path}/diff")).status_code == 404
