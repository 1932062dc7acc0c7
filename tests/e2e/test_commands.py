"""The write side over HTTP: what each command answers, and what a repetition, a race or an old version leads to."""

import asyncio

import httpx

from events.order import OrderPlaced
from tests.e2e.shop_client import ShopClient


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    """The body of a problem, after checking what all problems have in common."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert body["code"] == code, body
    assert body["status"] == status
    assert body["request_id"] == answer.headers["Request-Id"]
    assert {"type", "title", "detail", "instance"} <= body.keys()
    return body


async def test_an_order_lives_from_the_cart_to_its_completion(shop_client: ShopClient) -> None:
    customer, staff = await shop_client.customer(), await shop_client.staff()
    product = await shop_client.product(price=450, stock=3)
    order = await shop_client.order(customer, {product.sku: 2})
    await shop_client.pay(customer, order)
    shipped = await staff.post(f"/v1/orders/{order}/ship", {"carrier": "DHL", "tracking": "42"})
    assert shipped.status_code == 200
    assert (await staff.post(f"/v1/orders/{order}/complete")).status_code == 200
    seen = (await customer.get(f"/v1/orders/{order}")).json()
    assert (seen["status"], seen["total"]) == ("COMPLETED", {"amount": 900, "currency": "USD"})


async def test_who_prefers_to_wait_is_told_when_the_gateway_has_answered(shop_client: ShopClient) -> None:
    customer, staff = await shop_client.customer(), await shop_client.staff()
    product = await shop_client.product()
    order = await shop_client.order(customer, {product.sku: 1})
    paid = await customer.post(f"/v1/orders/{order}/pay", {"method": "tok_approve"}, headers={"Prefer": "wait=5"})
    assert (paid.status_code, paid.headers["Preference-Applied"]) == (202, "wait")
    assert (await staff.post(f"/v1/orders/{order}/ship")).status_code == 200


async def test_a_repeated_request_gets_the_first_answer_and_adds_nothing(shop_client: ShopClient) -> None:
    customer = await shop_client.customer()
    product = await shop_client.product(stock=5)
    await customer.post("/v1/cart/lines", {"sku": product.sku, "quantity": 1})
    first = await customer.post("/v1/orders", {}, key="again")
    head = await shop_client.shop.store.head()
    second = await customer.post("/v1/orders", {}, key="again")
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["Idempotent-Replayed"] == "true"
    for header in ("Location", "ETag", "Commit-Position"):
        assert second.headers[header] == first.headers[header]
    orders = [f for f in await shop_client.shop.store.read_all(head, limit=1_000) if type(f.event) is OrderPlaced]
    assert orders == []


async def test_a_key_belongs_to_one_request_and_one_caller(shop_client: ShopClient) -> None:
    ann, bob = await shop_client.customer(), await shop_client.customer()
    product = await shop_client.product(stock=9)
    for customer in (ann, bob):
        await customer.post("/v1/cart/lines", {"sku": product.sku, "quantity": 1})
    first = await ann.post("/v1/orders", {}, key="shared")
    problem(await ann.post("/v1/orders", {"currency": "EUR"}, key="shared"), 422, "idempotency_key_reused")
    other = await bob.post("/v1/orders", {}, key="shared")
    assert other.status_code == 201
    assert other.json()["order_id"] != first.json()["order_id"]


async def test_the_same_request_twice_at_once_happens_once(shop_client: ShopClient) -> None:
    customer = await shop_client.customer()
    product = await shop_client.product(stock=9)
    await customer.post("/v1/cart/lines", {"sku": product.sku, "quantity": 1})
    answers = await asyncio.gather(*(customer.post("/v1/orders", {}, key="double-click") for _ in range(8)))
    placed = {answer.json()["order_id"] for answer in answers if answer.status_code == 201}
    assert len(placed) == 1
    for answer in answers:
        if answer.status_code != 201:
            problem(answer, 409, "idempotency_key_in_flight")


async def test_stock_orders_and_payments_insist_on_a_key(shop_client: ShopClient) -> None:
    staff, customer = await shop_client.staff(), await shop_client.customer()
    product = await shop_client.product()
    order = await shop_client.order(customer, {product.sku: 1})
    for answer in (
        await staff.post(f"/v1/stock/{product.sku}/receipts", {"quantity": 1}, key=""),
        await staff.post(f"/v1/stock/{product.sku}/adjustments", {"delta": 1, "reason": "found"}, key=""),
        await customer.post("/v1/orders", {}, key=""),
        await customer.post(f"/v1/orders/{order}/pay", {"method": "tok_approve"}, key=""),
    ):
        problem(answer, 400, "idempotency_key_required")


async def test_out_of_stock_says_of_each_article_what_is_left(shop_client: ShopClient) -> None:
    customer = await shop_client.customer()
    plenty, scarce = await shop_client.product(stock=9), await shop_client.product(stock=2)
    await customer.post("/v1/cart/lines", {"sku": plenty.sku, "quantity": 1})
    await customer.post("/v1/cart/lines", {"sku": scarce.sku, "quantity": 3})
    body = problem(await customer.post("/v1/orders", {}), 409, "out_of_stock")
    assert body["items"] == [{"sku": scarce.sku, "requested": 3, "available": 2}]
    level = (await (await shop_client.staff()).get(f"/v1/stock/{plenty.sku}")).json()
    assert level["reserved"] == 0, "an order is all or nothing"


async def test_a_total_that_has_moved_is_shown_and_nothing_is_ordered(shop_client: ShopClient) -> None:
    customer, staff = await shop_client.customer(), await shop_client.staff()
    product = await shop_client.product(price=100)
    await customer.post("/v1/cart/lines", {"sku": product.sku, "quantity": 2})
    price = {"amount": 120, "currency": "USD"}
    assert (await staff.request("PUT", f"/v1/variants/{product.sku}/price", json=price)).status_code == 200
    expected = {"amount": 200, "currency": "USD"}
    body = problem(await customer.post("/v1/orders", {"expected_total": expected}), 409, "price_changed")
    assert (body["expected"], body["actual"]) == (expected, {"amount": 240, "currency": "USD"})


async def test_a_command_on_an_old_version_is_told_what_it_has_missed(shop_client: ShopClient) -> None:
    staff = await shop_client.staff()
    product = await shop_client.product()
    renamed = await staff.request("PATCH", f"/v1/products/{product.product_id}", json={"name": "New name"})
    late = await staff.request(
        "PATCH", f"/v1/products/{product.product_id}", json={"name": "Other"}, headers={"If-Match": '"3"'}
    )
    body = problem(late, 412, "version_mismatch")
    assert (body["expected_version"], body["current_version"]) == (3, 4)
    assert [event["type"] for event in body["intervening_events"]] == ["ProductDescribed"]  # type: ignore[attr-defined]
    again = await staff.request(
        "PATCH",
        f"/v1/products/{product.product_id}",
        json={"name": "Other"},
        headers={"If-Match": renamed.headers["ETag"]},
    )
    assert again.status_code == 200


async def test_two_who_take_one_slug_or_sku_at_once_meet(shop_client: ShopClient) -> None:
    staff, category = await shop_client.staff(), await shop_client.category()
    body = {"slug": "the-only-one", "name": "One", "category_id": category}
    answers = await asyncio.gather(*(staff.post("/v1/products", body) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    products = [await shop_client.product(publish=False), await shop_client.product(publish=False)]
    variant = {"sku": "ONLY-ONE", "price": {"amount": 1, "currency": "USD"}}
    paths = [f"/v1/products/{product.product_id}/variants" for product in products]
    answers = await asyncio.gather(*(staff.post(path, variant) for path in paths))
    assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_parallel_additions_to_one_cart_all_count(shop_client: ShopClient) -> None:
    customer, product = await shop_client.customer(), await shop_client.product(stock=100)
    line = {"sku": product.sku, "quantity": 1}
    answers = await asyncio.gather(*(customer.post("/v1/cart/lines", line) for _ in range(30)))
    assert {answer.status_code for answer in answers} == {201}
    cart = (await customer.get("/v1/cart")).json()
    assert [line["quantity"] for line in cart["lines"]] == [30]


async def test_cancelling_gives_the_goods_back_at_once(shop_client: ShopClient) -> None:
    customer, staff = await shop_client.customer(), await shop_client.staff()
    product = await shop_client.product(stock=4)
    order = await shop_client.order(customer, {product.sku: 4})
    assert (await customer.post(f"/v1/orders/{order}/cancel", {"reason": "too late"})).status_code == 200
    level = (await staff.get(f"/v1/stock/{product.sku}")).json()
    assert (level["on_hand"], level["reserved"], level["available"]) == (4, 0, 4)
    body = problem(await staff.post(f"/v1/orders/{order}/ship"), 409, "invalid_transition")
    assert (body["from"], body["to"], body["allowed"]) == ("CANCELLED", "SHIPPED", [])


async def test_what_is_reserved_cannot_be_adjusted_away(shop_client: ShopClient) -> None:
    customer, staff = await shop_client.customer(), await shop_client.staff()
    product = await shop_client.product(stock=5)
    await shop_client.order(customer, {product.sku: 3})
    adjustment = {"delta": -3, "reason": "stolen"}
    problem(await staff.post(f"/v1/stock/{product.sku}/adjustments", adjustment), 409, "stock_would_go_negative")
    adjusted = await staff.post(f"/v1/stock/{product.sku}/adjustments", {"delta": -2, "reason": "stolen"})
    assert adjusted.status_code == 201


async def test_someone_elses_order_does_not_exist(shop_client: ShopClient) -> None:
    ann, bob = await shop_client.customer(), await shop_client.customer()
    product = await shop_client.product()
    order = await shop_client.order(ann, {product.sku: 1})
    for path, body in (("cancel", {"reason": "mine"}), ("pay", {"method": "tok_approve"})):
        problem(await bob.post(f"/v1/orders/{order}/{path}", body), 404, "not_found")


async def test_shoppers_may_not_do_what_staff_may(shop_client: ShopClient) -> None:
    customer, guest = await shop_client.customer(), shop_client.guest()
    product = await shop_client.product()
    attempts: tuple[tuple[str, dict[str, object]], ...] = (
        ("/v1/categories", {"slug": "x", "name": "X"}),
        ("/v1/products", {"slug": "x", "name": "X", "category_id": product.category_id}),
        (f"/v1/products/{product.product_id}/publish", {}),
        (f"/v1/products/{product.product_id}/archive", {}),
        (f"/v1/stock/{product.sku}/receipts", {"quantity": 1}),
        (f"/v1/orders/{'ord_' + product.product_id[4:]}/ship", {}),
    )
    for path, body in attempts:
        problem(await customer.post(path, body), 403, "forbidden")
        problem(await guest.post(path, body), 401, "unauthorized")


async def test_an_address_can_register_once_and_passwords_decide(shop_client: ShopClient) -> None:
    registered = await shop_client.sign_up("twice@example.com")
    assert registered.user_id.startswith("usr_")
    taken = {"email": "TWICE@example.com", "password": "another one 1"}
    assert (await shop_client.guest().post("/v1/auth/register", taken, key="")).status_code == 201  # nobody learns
    for wrong in ("wrong", taken["password"]):
        form = {"username": "twice@example.com", "password": wrong}
        answer = await shop_client.guest().request("POST", "/v1/auth/login", data=form)
        problem(answer, 401, "invalid_credentials")
    assert (await registered.get("/v1/me")).json()["user_id"] == registered.user_id
