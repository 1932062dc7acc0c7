"""The book over HTTP: every fact in its order, found by what it is and who did it, as it was stored."""

import json

from infrastructure.feed import read_feed
from tests.e2e.shop_client import ShopClient


async def test_the_feed_goes_through_the_whole_book_without_a_gap(shop_client: ShopClient) -> None:
    await shop_client.product()
    admin = await shop_client.admin()
    positions: list[int] = []
    after, has_more = 0, True
    while has_more:
        page = (await admin.get("/v1/events", after=after, limit=4)).json()
        positions += [event["position"] for event in page["data"]]
        after, has_more = page["page"]["next_after"], page["page"]["has_more"]
    assert positions == list(range(1, await shop_client.shop.store.head() + 1))
    assert after == positions[-1]
    end = (await admin.get("/v1/events", after=after)).json()
    assert end == {"data": [], "page": {"next_after": after, "has_more": False}}
    await shop_client.customer()
    assert [event["type"] for event in (await admin.get("/v1/events", after=after)).json()["data"]] == [
        "UserRegistered"
    ]


async def test_an_event_is_shown_as_it_is_stored(shop_client: ShopClient) -> None:
    product = await shop_client.product(price=1_250)
    staff, admin = await shop_client.staff(), await shop_client.admin()
    answer = await admin.get("/v1/events", type="VariantAdded", stream=f"product-{product.product_id}")
    [event] = answer.json()["data"]
    [stored] = await shop_client.shop.store.stored_all(event["position"] - 1, limit=1)
    assert list(event) == [
        "position",
        "id",
        "stream",
        "version",
        "type",
        "schema_version",
        "data",
        "metadata",
        "occurred_at",
        "recorded_at",
    ]
    assert event["data"] == json.loads(stored.state)
    assert stored.state in answer.content
    assert event["data"]["price"] == {"amount": 1_250, "currency": "USD"}
    assert event["metadata"]["actor"] == staff.user_id
    assert event["metadata"]["command"] == "AddVariant"
    assert (event["stream"], event["version"], event["schema_version"]) == (f"product-{product.product_id}", 2, 1)
    assert event["recorded_at"].endswith("Z")


async def test_events_are_found_by_who_did_them_and_what_they_belong_to(shop_client: ShopClient) -> None:
    ann, admin = await shop_client.customer(), await shop_client.admin()
    product = await shop_client.product()
    before = await shop_client.shop.store.head()
    order_id = await shop_client.paid_order(ann, {product.sku: 1})

    async def types(**asked: str | int) -> list[str]:
        answer = await admin.get("/v1/events", after=before, **asked)
        assert answer.status_code == 200, answer.text
        return [event["type"] for event in answer.json()["data"]]

    assert await types(actor=ann.user_id) == [
        "CartOpened",
        "CartLineAdded",
        "OrderPlaced",
        "StockReserved",
        "CartCheckedOut",
        "PaymentRequested",
    ]
    assert await types(actor=ann.user_id, type="OrderPlaced") == ["OrderPlaced"]
    assert await types(actor=ann.user_id, limit=2) == ["CartOpened", "CartLineAdded"]
    asked = (await admin.get("/v1/events", stream=f"order-{order_id}", type="PaymentRequested")).json()["data"][0]
    together = await types(correlation=asked["metadata"]["correlation_id"])
    assert together == ["PaymentRequested", "PaymentCaptured", "OrderPaid", "OrderInvoiced", "InvoiceIssued"]
    assert await types(actor="nobody") == []


async def test_a_long_search_goes_through_the_book_in_steps(shop_client: ShopClient) -> None:
    ann, product = await shop_client.customer(), await shop_client.product(stock=100)
    orders = [await shop_client.order(ann, {product.sku: 1}) for _ in range(4)]
    pool, searched = shop_client.shop.pool, {"actor": ann.user_id, "type": "OrderPlaced"}
    found: list[str] = []
    after, has_more = 0, True
    while has_more:
        page = await read_feed(pool, after=after, limit=3, filters=searched, step=7)
        found += [str(fact.originator_id) for fact in page.facts]
        after, has_more = page.next_after, page.has_more
        assert len(page.facts) <= 3
    assert found == [f"order-{order_id}" for order_id in orders]
    hurried = await read_feed(pool, after=0, limit=3, filters={"actor": "nobody"}, step=7, patience_s=0)
    assert (list(hurried.facts), hurried.next_after, hurried.has_more) == ([], 7, True)


async def test_a_stream_tells_its_own_story(shop_client: ShopClient) -> None:
    product = await shop_client.product()
    staff = await shop_client.staff()
    path = f"/v1/streams/product-{product.product_id}/events"
    story = (await staff.get(path)).json()
    assert [(event["version"], event["type"]) for event in story["data"]] == [
        (1, "ProductCreated"),
        (2, "VariantAdded"),
        (3, "ProductPublished"),
    ]
    assert story["page"] == {"next_after": 3, "has_more": False}
    part = (await staff.get(path, limit=1, after=1)).json()
    assert ([event["version"] for event in part["data"]], part["page"]) == ([2], {"next_after": 2, "has_more": True})
    assert (await staff.get(path, after=3)).json()["data"] == []
    assert (await staff.get("/v1/streams/product-none/events")).status_code == 404


async def test_who_may_read_the_book(shop_client: ShopClient) -> None:
    product = await shop_client.product()
    guest, ann = shop_client.guest(), await shop_client.customer()
    staff, admin = await shop_client.staff(), await shop_client.admin()
    of_product, of_user = f"/v1/streams/product-{product.product_id}/events", f"/v1/streams/user-{ann.user_id}/events"
    expected = {
        "/v1/events": (401, 403, 403, 200),
        of_product: (401, 403, 200, 200),
        of_user: (401, 403, 403, 200),
        "/v1/admin/users": (401, 403, 403, 200),
        "/v1/admin/projections": (401, 403, 403, 200),
    }
    for path, statuses in expected.items():
        assert tuple([(await someone.get(path)).status_code for someone in (guest, ann, staff, admin)]) == statuses


async def test_admins_see_accounts_and_how_the_read_side_is_doing(shop_client: ShopClient) -> None:
    ann, admin = await shop_client.customer("Ann"), await shop_client.admin()
    users = (await admin.get("/v1/admin/users", limit=2)).json()["data"]
    assert [(user["user_id"], user["email"], user["roles"]) for user in users] == [
        (admin.user_id, admin.email, ["admin", "customer"]),
        (ann.user_id, ann.email, ["customer"]),
    ]
    await admin.get("/v1/products")
    projections = (await admin.get("/v1/admin/projections")).json()["data"]
    by_name = {each["name"]: each for each in projections}
    assert {"order_summary", "product", "sale", "fulfilment"} <= by_name.keys()
    product = by_name["product"]
    assert product["lag"] == product["head"] - product["position"] == 0
    assert (product["running"], product["last_error"]) == (True, None)
    assert product["owner"]
    assert product["older_code"] is False
    await shop_client.shop.pool.execute("UPDATE projections SET source = 'other' WHERE name = 'product'")
    for path, name in (("/v1/admin/projections", "data"), ("/health/ready", "projections")):
        told = {each["name"]: each["older_code"] for each in (await admin.get(path)).json()[name]}
        assert (told["product"], told["sale"]) == (True, False)
    assert (await admin.get("/health/ready")).json()["status"] == "ok"
    assert product["epoch"] >= 1
