"""Stock at several locations: what is where, what goes from one to another, and what is running out."""

from typing import Any

from tests.e2e.shop_client import Caller, ShopClient, created


async def _level(staff: Caller, sku: str, location: str) -> tuple[int, int, int]:
    level = (await staff.get(f"/v1/stock/{sku}", location=location)).json()
    return level["on_hand"], level["reserved"], level["available"]


async def _located(client: ShopClient, here: int, there: int) -> tuple[str, Caller]:
    staff = await client.staff()
    sku = (await client.product(stock=here)).sku
    assert (await staff.request("PUT", "/v1/stock-locations/attic")).status_code == 200
    created(await staff.post(f"/v1/stock/{sku}/receipts", {"quantity": there, "location": "attic"}))
    return sku, staff


async def test_locations_are_opened_before_they_are_used(shop_client: ShopClient) -> None:
    sku, staff = await _located(shop_client, 1, 1)
    listed = (await staff.get("/v1/stock-locations")).json()["data"]
    assert [(each["location"], each["default"]) for each in listed] == [("main", True), ("attic", False)]
    unknown = {"quantity": 1, "location": "nowhere"}
    assert (await staff.post(f"/v1/stock/{sku}/receipts", unknown)).status_code == 404
    assert (await staff.get(f"/v1/stock/{sku}", location="nowhere")).status_code == 404
    assert (await staff.request("PUT", "/v1/stock-locations/No!")).status_code == 422
    assert (await (await shop_client.customer()).get("/v1/stock-locations")).status_code == 403


async def test_goods_are_transferred_whole_or_not_at_all(shop_client: ShopClient) -> None:
    sku, staff = await _located(shop_client, 10, 2)
    move = {"quantity": 4, "destination": "attic", "reason": "room"}
    moved = await staff.post(f"/v1/stock/{sku}/transfers", move, key="move-4")
    assert (moved.status_code, moved.json()["version"], moved.json()["destination_version"]) == (201, 2, 2)
    again = await staff.post(f"/v1/stock/{sku}/transfers", move, key="move-4")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await _level(staff, sku, "main"), await _level(staff, sku, "attic")) == ((6, 0, 6), (6, 0, 6))
    too_many = await staff.post(f"/v1/stock/{sku}/transfers", {**move, "quantity": 7})
    assert (too_many.status_code, too_many.json()["items"][0]["available"]) == (409, 6)
    assert (await staff.post(f"/v1/stock/{sku}/transfers", {**move, "destination": "main"})).status_code == 422
    explained = (await staff.get(f"/v1/stock/{sku}/explain", location="attic")).json()
    assert (explained["agrees"], explained["data"][-1]["note"]) == (True, "room")


async def test_an_order_takes_from_other_locations_what_the_default_one_lacks(shop_client: ShopClient) -> None:
    sku, staff = await _located(shop_client, 2, 5)
    ann = await shop_client.customer()
    given_back, sold = await shop_client.order(ann, {sku: 3}), await shop_client.order(ann, {sku: 2})
    assert (await _level(staff, sku, "main"), await _level(staff, sku, "attic")) == ((2, 2, 0), (5, 3, 2))
    assert (await ann.post(f"/v1/orders/{given_back}/cancel", {"reason": "no"})).status_code == 200
    await shop_client.pay(ann, sold)
    assert (await staff.post(f"/v1/orders/{sold}/ship")).status_code == 200
    assert (await _level(staff, sku, "main"), await _level(staff, sku, "attic")) == ((2, 0, 2), (3, 0, 3))
    created(await ann.post("/v1/cart/lines", {"sku": sku, "quantity": 6}))
    refused = await ann.post("/v1/orders")
    assert refused.json()["items"] == [{"sku": sku, "requested": 6, "available": 5}]


async def test_what_runs_low_is_said_in_the_transaction_that_took_it_there(shop_client: ShopClient) -> None:
    sku, staff = await _located(shop_client, 5, 5)
    ann = await shop_client.customer()
    answer = await staff.request("PUT", f"/v1/stock/{sku}/threshold", json={"threshold": 3})
    assert answer.status_code == 200

    async def low() -> list[Any]:
        listed = (await staff.get("/v1/stock", **{"filter[low]": "true", "filter[sku]": sku})).json()["data"]
        return [(each["location"], each["available"], each["threshold"]) for each in listed]

    assert await low() == []
    order_id = await shop_client.order(ann, {sku: 2})
    assert await low() == [("main", 3, 3)]
    moves = (await staff.get(f"/v1/stock/{sku}/movements")).json()["data"]
    assert [move["type"] for move in moves[:2]] == ["StockRanLow", "StockReserved"]
    assert len({move["request_id"] for move in moves[:2]}) == 1
    await ann.post(f"/v1/orders/{order_id}/cancel", {"reason": "no"})
    assert await low() == []
    explained = (await staff.get(f"/v1/stock/{sku}/explain")).json()
    assert (explained["agrees"], explained["by_type"]["StockRecovered"]["facts"]) == (True, 1)


async def test_stock_is_listed_by_place_and_by_the_beginning_of_its_name(shop_client: ShopClient) -> None:
    sku, staff = await _located(shop_client, 1, 1)
    await _located(shop_client, 1, 1)

    async def listed(**filters: str) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        asked: dict[str, Any] = {"limit": 1, **{f"filter[{name}]": value for name, value in filters.items()}}
        while True:
            page = (await staff.get("/v1/stock", **asked)).json()
            found += [(each["sku"], each["location"]) for each in page["data"]]
            if not page["page"]["has_more"]:
                return found
            asked["cursor"] = page["page"]["next_cursor"]

    assert await listed(sku=sku) == [(sku, "attic"), (sku, "main")]
    assert await listed(sku=sku[:-1], location="attic", low="false") == [(sku, "attic")]
    assert {location for _, location in await listed(location="attic")} == {"attic"}
    assert (await staff.get("/v1/stock", **{"filter[sku]": "%"})).status_code == 422


async def test_the_past_of_a_stock_is_explained_too(shop_client: ShopClient) -> None:
    sku, staff = await _located(shop_client, 10, 1)
    then = shop_client.position
    created(await staff.post(f"/v1/stock/{sku}/adjustments", {"delta": -3, "reason": "broken"}))
    now = (await staff.get(f"/v1/stock/{sku}/explain")).json()
    before = (await staff.get(f"/v1/stock/{sku}/explain", as_of=then)).json()
    assert (now["on_hand"], before["on_hand"], before["available"]) == (7, 10, 10)
    assert (before["agrees"], before["version"], [move["type"] for move in before["data"]]) == (
        True,
        1,
        ["StockReceived"],
    )
    at = now["data"][0]["recorded_at"]
    assert (await staff.get(f"/v1/stock/{sku}/explain", as_of=at)).json()["on_hand"] == 10
    assert (await staff.get(f"/v1/stock/{sku}/explain", as_of=0)).json()["on_hand"] == 0
