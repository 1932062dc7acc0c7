"""Orders over HTTP: whose they are, how they were at any moment, and what each fact of their lives has changed."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from commands.checkout import RecordSale
from events.store import Recorded
from events.values import CategoryId, Line, Money, OrderId, ProductId, Sku, UserId
from tests.e2e.shop_client import Caller, ShopClient


async def _facts(client: ShopClient, order_id: str) -> list[Recorded]:
    return list(await client.shop.store.read([f"order-{order_id}"]))


async def _shipped_order(client: ShopClient, customer: Caller) -> str:
    product = await client.product(price=1_000)
    order_id = await client.paid_order(customer, {product.sku: 2})
    shipment = {"carrier": "DHL", "tracking": "T-1"}
    assert (await (await client.staff()).post(f"/v1/orders/{order_id}/ship", shipment)).status_code == 200
    return order_id


async def test_an_order_says_what_was_bought_and_where_it_is(shop_client: ShopClient) -> None:
    ann = await shop_client.customer()
    order_id = await _shipped_order(shop_client, ann)
    answer = await ann.get(f"/v1/orders/{order_id}")
    order = answer.json()
    assert (order["status"], order["payment"], order["carrier"]) == ("SHIPPED", "CAPTURED", "DHL")
    assert order["total"] == {"amount": 2_000, "currency": "USD"}
    assert [(line["quantity"], line["unit_price"]["amount"], line["total"]["amount"]) for line in order["lines"]] == [
        (2, 1_000, 2_000)
    ]
    assert order["customer_id"] == ann.user_id
    assert answer.headers["ETag"] == f'"{order["version"]}"'
    assert int(answer.headers["Projection-Position"]) >= shop_client.position


async def test_an_order_of_somebody_else_does_not_exist(shop_client: ShopClient) -> None:
    ann, bob, staff = await shop_client.customer(), await shop_client.customer(), await shop_client.staff()
    product = await shop_client.product()
    order_id = await shop_client.order(ann, {product.sku: 1})
    nobody = "ord_01h455vb4pex5vsknk084sn02q"
    for tail in ("", "?version=1", "/history"):
        assert (await shop_client.guest().get(f"/v1/orders/{order_id}{tail}")).status_code == 401
        hidden = await bob.request("GET", f"/v1/orders/{order_id}{tail}", headers={"Min-Position": "0"})
        missing = await bob.request("GET", f"/v1/orders/{nobody}{tail}", headers={"Min-Position": "0"})
        assert (hidden.status_code, missing.status_code) == (404, 404)
        told = [{**answer.json(), "request_id": "", "instance": ""} for answer in (hidden, missing)]
        assert str(told[0]).replace(order_id, nobody) == str(told[1])
        assert (await staff.get(f"/v1/orders/{order_id}{tail}")).status_code == 200


async def test_lists_hold_ones_own_orders_newest_first_and_for_staff_all(shop_client: ShopClient) -> None:
    ann, bob, staff = await shop_client.customer(), await shop_client.customer(), await shop_client.staff()
    product = await shop_client.product(stock=100)
    mine = [await shop_client.order(ann, {product.sku: 1}) for _ in range(3)]
    theirs = await shop_client.order(bob, {product.sku: 1})
    await ann.post(f"/v1/orders/{mine[1]}/cancel", {"reason": "no"})

    async def ids(caller: Caller, **params: Any) -> list[str]:
        return [order["order_id"] for order in (await caller.get("/v1/orders", **params)).json()["data"]]

    assert await ids(ann) == mine[::-1]
    assert await ids(bob) == [theirs]
    assert (await ids(staff))[:4] == [theirs, *mine[::-1]]
    assert await ids(ann, **{"filter[status]": "CANCELLED"}) == [mine[1]]
    assert await ids(ann, **{"filter[status]": "PENDING"}) == [mine[2], mine[0]]
    assert (await shop_client.guest().get("/v1/orders")).status_code == 401


async def test_every_version_and_every_moment_of_an_order_can_be_seen(shop_client: ShopClient) -> None:
    ann = await shop_client.customer()
    order_id = await _shipped_order(shop_client, ann)
    path, facts = f"/v1/orders/{order_id}", await _facts(shop_client, order_id)
    now = (await ann.get(path)).json()
    assert len(facts) == now["version"] == 6
    statuses = []
    for fact in facts:
        then = (await ann.get(path, version=fact.version)).json()
        assert (await ann.get(path, as_of=fact.position)).json() == then
        statuses.append((then["version"], then["status"], then["payment"]))
    assert statuses == [
        (1, "PENDING", "NONE"),
        (2, "PENDING", "REQUESTED"),
        (3, "PENDING", "CAPTURED"),
        (4, "PAID", "CAPTURED"),
        (5, "PAID", "CAPTURED"),
        (6, "SHIPPED", "CAPTURED"),
    ]
    assert (await ann.get(path, version=6)).json() == now

    placed, requested = facts[0].recorded_at, facts[1].recorded_at
    at_first = (await ann.get(path, as_of=placed.isoformat())).json()
    assert (at_first["version"], at_first["status"]) == (1, "PENDING")
    before_request = (requested - timedelta(microseconds=1)).isoformat().replace("+00:00", "Z")
    assert (await ann.get(path, as_of=before_request)).json()["version"] == 1
    elsewhere = requested.astimezone(tz=datetime.fromisoformat("2026-01-01T00:00:00+05:30").tzinfo).isoformat()
    assert (await ann.get(path, as_of=elsewhere)).json()["version"] == 2
    assert (await ann.get(path, as_of="2999-01-01T00:00:00Z")).json() == now


@pytest.mark.parametrize("params", [{"version": 6}, {"as_of": "2001-01-01T00:00:00Z"}, {"as_of": 1}])
async def test_there_is_no_order_before_its_first_fact_or_after_its_last(
    shop_client: ShopClient, params: dict[str, Any]
) -> None:
    ann = await shop_client.customer()
    product = await shop_client.product()
    order_id = await shop_client.order(ann, {product.sku: 1})
    answer = await ann.get(f"/v1/orders/{order_id}", **params)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_history_tells_what_each_fact_changed_and_why(shop_client: ShopClient) -> None:
    ann = await shop_client.customer()
    order_id = await _shipped_order(shop_client, ann)
    facts = await _facts(shop_client, order_id)
    history = (await ann.get(f"/v1/orders/{order_id}/history")).json()
    assert (history["order_id"], history["version"]) == (order_id, 6)
    steps = history["data"]
    assert [step["type"] for step in steps] == [
        "OrderPlaced",
        "PaymentRequested",
        "PaymentCaptured",
        "OrderPaid",
        "OrderInvoiced",
        "OrderShipped",
    ]
    changed = [{change["field"]: (change["before"], change["after"]) for change in step["changes"]} for step in steps]
    assert changed[0]["status"] == (None, "PENDING")
    assert changed[0]["total"] == (None, {"amount": 2_000, "currency": "USD"})
    assert changed[1]["payment"] == ("NONE", "REQUESTED")
    assert changed[2]["payment"] == ("REQUESTED", "CAPTURED")
    nothing, all_of_it = ({"amount": amount, "currency": "USD"} for amount in (0, 2_000))
    assert changed[2]["captured"] == (nothing, all_of_it)
    assert [[each["state"] for each in states] for states in changed[2]["payments"]] == [["REQUESTED"], ["CAPTURED"]]
    assert set(changed[3]) == {"status", "lapses_at"}
    assert set(changed[4]) == {"invoice"}
    before, [parcel] = changed[5]["shipments"]
    assert (before, parcel["tracking"], [line["quantity"] for line in parcel["lines"]]) == ([], "T-1", [2])
    assert {field: step for field, step in changed[5].items() if field != "shipments"} == {
        "status": ("PAID", "SHIPPED"),
        "carrier": ("", "DHL"),
        "tracking": ("", "T-1"),
    }
    assert [step["position"] for step in steps] == [fact.position for fact in facts]
    assert [step["command"] for step in steps] == [
        "PlaceOrder",
        "PayOrder",
        *["RecordCapture"] * 3,
        "ShipOrder",
    ]
    staff = await shop_client.staff()
    assert [step["actor"] for step in steps] == [
        ann.user_id,
        ann.user_id,
        *["system:fulfilment"] * 3,
        staff.user_id,
    ]
    requested, captured = steps[1], steps[2]
    assert captured["causation_id"] == str(facts[1].id)
    assert captured["correlation_id"] == requested["correlation_id"] == requested["request_id"]

    replayed: dict[str, Any] = {}
    for step in changed:
        replayed |= {field: after for field, (_, after) in step.items()}
    now = (await ann.get(f"/v1/orders/{order_id}")).json()
    assert {**now, **replayed} == now


async def test_recorded_time_is_what_counts_for_history_brought_in_later(shop_client: ShopClient) -> None:
    ann = await shop_client.customer()
    product = await shop_client.product()
    order_id, long_ago = OrderId("ord_01h455vb4pex5vsknk084sn02r"), datetime.fromisoformat("2017-03-01T10:00:00+00:00")
    price = Money(500, "USD")
    line = Line(
        Sku(product.sku), ProductId(product.product_id), "Mug", CategoryId(product.category_id), 1, price, price
    )
    done = await shop_client.shop.handler(RecordSale(order_id, UserId(ann.user_id), (line,)), occurred_at=long_ago)
    shop_client.position = done.position
    order = (await ann.get(f"/v1/orders/{order_id}")).json()
    assert order["placed_at"] == "2017-03-01T10:00:00Z"
    assert (await ann.get(f"/v1/orders/{order_id}", as_of="2020-01-01T00:00:00Z")).status_code == 404


async def test_me_is_right_from_the_first_moment(shop_client: ShopClient) -> None:
    someone = await shop_client.sign_up(name="Zoë")
    assert (await someone.request("GET", "/v1/me")).json() == {
        "user_id": someone.user_id,
        "email": someone.email,
        "name": "Zoë",
        "verified": False,
        "roles": ["customer"],
    }
    admin = await shop_client.admin()
    assert (await admin.request("GET", "/v1/me")).json()["roles"] == ["admin", "customer"]
    assert (await shop_client.guest().get("/v1/me")).status_code == 401
