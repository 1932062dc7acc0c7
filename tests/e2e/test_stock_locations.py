"""Stock at several locations: what is where, what goes from one to another, and what is running out."""

import asyncio
import random
from typing import Any

import pytest

from api.commands import locations
from commands.location import BeginClosing
from queries import stock_level
from queries.rows import Rows
from queries.stock_level import Contents
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


async def _close(staff: Caller, location: str) -> Any:
    return await staff.request("DELETE", f"/v1/stock-locations/{location}")


async def test_a_location_is_closed_when_it_is_empty_and_can_be_opened_again(shop_client: ShopClient) -> None:
    product, staff = await shop_client.product(stock=0), await shop_client.staff()
    place = f"room-{product.sku.lower()}"
    await staff.request("PUT", f"/v1/stock-locations/{place}")
    receipt = {"quantity": 2, "location": place}
    created(await staff.post(f"/v1/stock/{product.sku}/receipts", receipt))
    position = shop_client.position
    await staff.get("/v1/stock")
    refused = await _close(staff, place)
    assert (refused.status_code, refused.json()["code"]) == (409, "location_in_use")
    assert (refused.json()["units"], refused.json()["skus"]) == (2, 1)
    assert await shop_client.shop.store.head() == position  # nothing was tried
    ann = await shop_client.customer()
    order_id = await shop_client.order(ann, {product.sku: 2})
    assert (await _close(staff, place)).status_code == 409  # reserved is still there
    await shop_client.pay(ann, order_id)
    assert (await staff.post(f"/v1/orders/{order_id}/ship")).status_code == 200
    await staff.get("/v1/stock")
    for _ in range(2):
        closed = await _close(staff, place)
        assert (closed.status_code, closed.json()["id"]) == (200, "all")
        assert closed.headers["ETag"] == f'"{closed.json()["version"]}"' and closed.headers["Commit-Position"]
    listed = (await staff.get("/v1/stock-locations")).json()["data"]
    assert place not in [each["location"] for each in listed]
    assert (await staff.post(f"/v1/stock/{product.sku}/receipts", receipt)).status_code == 404
    await staff.request("PUT", f"/v1/stock-locations/{place}")
    created(await staff.post(f"/v1/stock/{product.sku}/receipts", receipt))
    assert (await _close(staff, "main")).json()["code"] == "location_in_use"
    assert (await _close(staff, "nowhere")).status_code == 404
    assert (await _close(ann, place)).status_code == 403


async def test_rows_from_before_a_crash_of_the_database_close_no_location(
    shop_client: ShopClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table was said to be far enough, and then a page of it was lost: it looks empty and is not."""
    product, staff = await shop_client.product(stock=0), await shop_client.staff()
    place = f"room-{product.sku.lower()}"
    await staff.request("PUT", f"/v1/stock-locations/{place}")
    created(await staff.post(f"/v1/stock/{product.sku}/receipts", {"quantity": 1, "location": place}))
    empty = [Contents(0, 0, False, 0)] * 2

    async def contents(rows: Rows, location: str) -> Contents:
        return empty.pop() if empty else await stock_level.contents(rows, location)

    monkeypatch.setattr(locations, "contents", contents)
    assert (await _close(staff, place)).status_code == 409
    assert not empty


async def test_whoever_brings_goods_while_a_location_is_closed_is_refused_or_the_closing_is(
    shop_client: ShopClient,
) -> None:
    """Nothing may be kept at a closed location, whoever was first; and a refusal leaves it open."""
    product, staff = await shop_client.product(stock=0), await shop_client.staff()
    outcomes = set()
    for number in range(25):
        place = f"race-{number}-{product.sku.lower()}"
        await staff.request("PUT", f"/v1/stock-locations/{place}")

        async def bring(place: str, pause_s: float) -> int:
            await asyncio.sleep(pause_s)
            receipt = {"quantity": 1, "location": place}
            return (await staff.post(f"/v1/stock/{product.sku}/receipts", receipt)).status_code

        pauses = [random.random() * 0.03 for _ in range(3)]
        closed, *brought = await asyncio.gather(_close(staff, place), *(bring(place, pause) for pause in pauses))
        assert set(brought) <= {201, 404, 409}
        units = brought.count(201)
        level = (await staff.get(f"/v1/stock/{product.sku}", location=place)).json()
        listed = {each["location"]: each for each in (await staff.get("/v1/stock-locations")).json()["data"]}
        if closed.status_code == 200:
            assert units == 0 and place not in listed
        else:
            assert closed.status_code == 409 and units > 0 and level["on_hand"] == units
            assert listed[place]["closing"] is False
            created(await staff.post(f"/v1/stock/{product.sku}/adjustments", _gone(place, units)))
            await staff.get("/v1/stock")
            assert (await _close(staff, place)).status_code == 200
        outcomes.add((closed.status_code, units > 0))
    assert outcomes == {(200, False), (409, True)}


def _gone(place: str, units: int) -> dict[str, Any]:
    return {"delta": -units, "reason": "gone", "location": place}


async def test_a_closing_that_was_interrupted_is_gone_on_with_or_given_up(shop_client: ShopClient) -> None:
    product, staff = await shop_client.product(stock=0), await shop_client.staff()
    place = f"half-{product.sku.lower()}"
    await staff.request("PUT", f"/v1/stock-locations/{place}")
    done = await shop_client.shop.handler(BeginClosing(place))
    shop_client.position = max(shop_client.position, done.position)
    receipt = {"quantity": 1, "location": place}
    refused = await staff.post(f"/v1/stock/{product.sku}/receipts", receipt)
    assert (refused.status_code, refused.json()["code"]) == (409, "location_in_use")
    await staff.request("PUT", f"/v1/stock-locations/{place}")
    created(await staff.post(f"/v1/stock/{product.sku}/receipts", receipt))
    created(await staff.post(f"/v1/stock/{product.sku}/adjustments", _gone(place, 1)))
    await shop_client.shop.handler(BeginClosing(place))
    await staff.get("/v1/stock")
    assert (await _close(staff, place)).status_code == 200
