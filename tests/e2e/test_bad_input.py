"""What is wrong with a request is said in a problem that names the field; nothing is stored, and it is never a 500."""

import json
from typing import Any

import pytest

from tests.e2e.shop_client import ShopClient
from tests.e2e.test_commands import problem
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE

ORDER = "ord_01h455vb4pex5vsknk084sn02q"
HUGE = 10**30

BAD_BODIES: list[tuple[str, str, Any, str]] = [
    ("POST", "/v1/categories", {"slug": "Not A Slug", "name": "x"}, "/slug"),
    ("POST", "/v1/categories", {"slug": "fine", "name": ""}, "/name"),
    ("POST", "/v1/categories", {"slug": "fine", "name": "x", "colour": "red"}, "/colour"),
    ("POST", "/v1/categories", {"slug": "fine", "name": "a\x00b"}, "/name"),
    ("POST", "/v1/categories", {"slug": "fine", "name": "x", "parent_id": "usr_1"}, "/parent_id"),
    ("POST", "/v1/categories", {"slug": ["list"], "name": "x"}, "/slug"),
    ("POST", "/v1/categories", [], ""),
    ("POST", "/v1/categories", "text", ""),
    ("POST", "/v1/categories", None, ""),
    ("POST", "/v1/stock/SKU-1/receipts", {"quantity": 0}, "/quantity"),
    ("POST", "/v1/stock/SKU-1/receipts", {"quantity": -5}, "/quantity"),
    ("POST", "/v1/stock/SKU-1/receipts", {"quantity": HUGE}, "/quantity"),
    ("POST", "/v1/stock/SKU-1/receipts", {"quantity": 1.5}, "/quantity"),
    ("POST", "/v1/stock/SKU-1/receipts", {"quantity": "7"}, "/quantity"),
    ("POST", "/v1/stock/SKU-1/receipts", {"quantity": True}, "/quantity"),
    ("POST", "/v1/stock/SKU-1/adjustments", {"delta": -HUGE, "reason": "x"}, "/delta"),
    ("POST", "/v1/stock/SKU-1/adjustments", {"delta": 1, "reason": " "}, "/reason"),
    ("PUT", "/v1/variants/SKU-1/price", {"amount": -1, "currency": "USD"}, "/amount"),
    ("PUT", "/v1/variants/SKU-1/price", {"amount": 19.99, "currency": "USD"}, "/amount"),
    ("PUT", "/v1/variants/SKU-1/price", {"amount": HUGE, "currency": "USD"}, "/amount"),
    ("PUT", "/v1/variants/SKU-1/price", {"amount": 1, "currency": "DOGE"}, "/currency"),
    ("POST", "/v1/cart/lines", {"sku": "SKU-1", "quantity": -1}, "/quantity"),
    ("POST", "/v1/cart/lines", {"sku": "no spaces", "quantity": 1}, "/sku"),
    ("POST", "/v1/orders", {"expected_total": {"amount": "1", "currency": "USD"}}, "/expected_total/amount"),
    ("POST", "/v1/orders", {"ship_to": {"name": "Ann"}}, "/ship_to/line1"),
    ("POST", f"/v1/orders/{ORDER}/pay", {"method": "no\nline"}, "/method"),
    ("POST", f"/v1/orders/{ORDER}/cancel", {}, "/reason"),
    ("POST", "/v1/auth/register", {"email": "nobody", "password": "long enough"}, "/email"),
    ("POST", "/v1/auth/register", {"email": "a@example.com", "password": "short"}, "/password"),
    ("POST", "/v1/auth/register", {"email": "a@example.com", "password": "ü" * 60}, "/password"),
    ("POST", "/v1/auth/register", {"email": "a@example.com", "password": "long enough", "roles": ["admin"]}, "/roles"),
]


async def test_what_is_wrong_is_said_in_words_of_the_api(shop_client: ShopClient) -> None:
    guest, staff = shop_client.guest(), await shop_client.staff()
    for answer, message in (
        (
            await guest.request("POST", "/v1/cart/lines", data={"sku": "A"}),
            "should be a JSON object, sent as application/json",
        ),
        (await staff.get("/v1/reports/sales", as_of="yesterday"), "not a time such as 2017-05-01T12:00:00Z"),
    ):
        found: Any = problem(answer, 422, "validation_failed")
        assert [error["message"] for error in found["errors"]] == [message]


@pytest.mark.parametrize(("method", "path", "body", "pointer"), BAD_BODIES)
async def test_a_bad_field_is_named_and_nothing_is_stored(
    shop_client: ShopClient, method: str, path: str, body: Any, pointer: str
) -> None:
    caller = await shop_client.staff()
    head = await shop_client.shop.store.head()
    headers = {"Idempotency-Key": "bad", "Content-Type": "application/json"}
    answer = await caller.request(method, path, content=json.dumps(body), headers=headers)
    found: Any = problem(answer, 422, "validation_failed")
    assert pointer in [error["pointer"] for error in found["errors"]], found
    assert await shop_client.shop.store.head() == head


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"reason": "\xff\xfe"}',
        b'{"reason": ' + b"[" * 100_000,
        b'{"reason": ' + b"9" * 100_000 + b"}",
        b"\x00\x01\x02",
        b'{"reason": "\\ud800"}',
        b'{"reason": NaN}',
    ],
)
async def test_a_body_that_is_no_json_is_a_clear_4xx(shop_client: ShopClient, content: bytes) -> None:
    caller = await shop_client.staff()
    headers = {"Content-Type": "application/json"}
    answer = await caller.request("POST", f"/v1/orders/{ORDER}/cancel", content=content, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_beyond_the_limit_is_refused(shop_client: ShopClient) -> None:
    caller = await shop_client.staff()
    content = json.dumps({"reason": "x" * 2_000_000}).encode()

    async def in_pieces() -> Any:
        for start in range(0, len(content), 65_536):
            yield content[start : start + 65_536]

    headers = {"Content-Type": "application/json"}
    for body in (content, in_pieces()):
        answer = await caller.request("POST", f"/v1/orders/{ORDER}/cancel", content=body, headers=headers)
        problem(answer, 413, "payload_too_large")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/orders/ord_1/cancel",
        "/v1/orders/prd_01h455vb4pex5vsknk084sn02q/cancel",
        "/v1/orders/%00/cancel",
        "/v1/orders/%ff%fe/cancel",
        "/v1/orders/" + "x" * 5_000 + "/cancel",
        "/v1/products/..%2f..%2fetc/publish",
    ],
)
async def test_a_foreign_or_malformed_identity_is_refused(shop_client: ShopClient, path: str) -> None:
    answer = await (await shop_client.staff()).post(path, {"reason": "x"})
    assert answer.status_code in (404, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_what_does_not_exist_is_not_found(shop_client: ShopClient) -> None:
    staff = await shop_client.staff()
    problem(await staff.post(f"/v1/orders/{ORDER}/cancel", {"reason": "x"}), 404, "not_found")
    problem(await staff.post("/v1/stock/NO-SUCH/receipts", {"quantity": 1}), 404, "not_found")
    problem(await staff.post("/v1/cart/lines", {"sku": "NO-SUCH"}), 404, "not_found")
    problem(await staff.post("/v1/nothing/here"), 404, "not_found")
    problem(await staff.request("PUT", "/v1/orders"), 405, "method_not_allowed")


@pytest.mark.parametrize("value", ["", "\x7f", "x" * 256, "ümlaut"])
async def test_a_bad_idempotency_key_is_refused(shop_client: ShopClient, value: str) -> None:
    caller = await shop_client.customer()
    headers = [(b"idempotency-key", value.encode()), (b"authorization", caller.headers["Authorization"].encode())]
    answer = await shop_client.http.post("/v1/orders", json={}, headers=headers)
    assert answer.status_code in (400, 422), answer.text


@pytest.mark.parametrize("value", ["3", '"x"', '"99999999999"', "*", 'W/"3"'])
async def test_an_if_match_that_names_no_version_is_refused(shop_client: ShopClient, value: str) -> None:
    product = await shop_client.product()
    answer = await (await shop_client.staff()).post(
        f"/v1/products/{product.product_id}/archive", headers={"If-Match": value}
    )
    problem(answer, 400, "bad_request")


async def test_a_body_of_the_wrong_kind_is_told_what_is_wanted(shop_client: ShopClient) -> None:
    guest, token = shop_client.guest(), {"refresh_token": "x"}
    for sent in ({}, {"data": token}, {"content": '"x"', "headers": {"Content-Type": "application/json"}}):
        answer = await guest.request("POST", "/v1/auth/refresh", **sent)
        found = problem(answer, 422, "validation_failed")
        assert "a JSON object, sent as application/json" in str(found["detail"]), found
    form = {"username": "ann@example.com", "password": "x"}
    answer = await guest.request("POST", "/v1/auth/login", json=form)
    found = problem(answer, 422, "validation_failed")
    assert "/username: required, in a form: Content-Type: application/x-www-form-urlencoded" in str(found["detail"])
    answer = await guest.request("POST", "/v1/auth/login", data={"username": "ann@example.com"})
    assert problem(answer, 422, "validation_failed")["detail"] == "/password: Field required"
