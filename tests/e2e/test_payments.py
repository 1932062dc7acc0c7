"""Paying, capturing and refunding over HTTP, with a sandbox that sends its webhooks to a shop on a real port."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio

from infrastructure.ids import new_id
from infrastructure.settings import Settings
from tests.e2e.charging import PRICE, amounts, asked, becomes, disagreements, facts, ordered, seen, told
from tests.e2e.serving import serving
from tests.e2e.shop_client import ShopClient
from tests.waiting import PATIENCE_S, eventually


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(settings: Settings) -> AsyncIterator[ShopClient]:
    async with serving(settings) as (client, _):
        yield client


@pytest.mark.parametrize(
    "method", ["tok_approve", "tok_timeout", "tok_late", "tok_webhook_twice", "tok_webhook_disorder"]
)
async def test_however_the_gateway_answers_an_order_is_paid_by_one_charge(shop: ShopClient, method: str) -> None:
    customer, order_id = await ordered(shop)
    await asked(customer, order_id, method)
    order = await becomes(shop, order_id, "PAID", "CAPTURED")
    assert amounts(order) == [("CAPTURED", PRICE, 0)]
    assert (await facts(shop, order_id)).count("PaymentCaptured") == 1
    assert await disagreements(shop, order_id) == []


@pytest.mark.parametrize("answer", ["approve", "decline"])
async def test_a_shopper_confirms_in_a_second_step_and_a_webhook_says_what_came_of_it(
    shop: ShopClient, answer: str
) -> None:
    customer, order_id = await ordered(shop)
    await asked(customer, order_id, "tok_action_required")
    order = await becomes(shop, order_id, "PENDING", "ACTION_REQUIRED")
    url = order["payments"][0]["action_url"]
    async with httpx.AsyncClient(timeout=PATIENCE_S) as browser:
        assert "Approve" in (await browser.get(url)).text
        assert (await browser.post(url, params={"answer": answer})).status_code == 200
    order = await becomes(shop, order_id, *(("PAID", "CAPTURED") if answer == "approve" else ("PENDING", "DECLINED")))
    assert order["payments"][0]["action_url"] == ""
    assert await disagreements(shop, order_id) == []


async def test_money_is_set_aside_taken_in_parts_and_given_back_in_parts(shop: ShopClient) -> None:
    staff = await shop.staff()
    customer, order_id = await ordered(shop, units=2)
    path = f"/v1/orders/{order_id}"
    await asked(customer, order_id, "tok_approve", capture=False)
    order = await becomes(shop, order_id, "PENDING", "AUTHORIZED")
    assert datetime.fromisoformat(order["lapses_at"]) > datetime.now(UTC) + timedelta(days=6)
    part = {"amount": {"amount": 1_000, "currency": "USD"}}
    assert (await customer.post(f"{path}/capture", part)).status_code == 403
    assert (await staff.post(f"{path}/capture", part, key="")).json()["code"] == "idempotency_key_required"
    assert (await staff.post(f"{path}/capture", part)).status_code == 202
    await becomes(shop, order_id, "PENDING", "PARTIALLY_CAPTURED")
    too_much = await staff.post(f"{path}/capture", {"amount": {"amount": 2_999, "currency": "USD"}})
    assert (too_much.status_code, too_much.json()["code"]) == (422, "amount_refused")
    assert too_much.json()["most"] == {"amount": 2_998, "currency": "USD"}
    assert (await staff.post(f"{path}/capture", {})).status_code == 202
    await becomes(shop, order_id, "PAID", "CAPTURED")
    refund = {**part, "reason": "a scratch"}
    assert (await customer.post(f"{path}/refunds", refund)).status_code == 403
    first = await staff.post(f"{path}/refunds", refund, key="once")
    again = await staff.post(f"{path}/refunds", refund, key="once")
    assert (first.status_code, again.json()) == (202, first.json())
    order = await becomes(shop, order_id, "PAID", "PARTIALLY_REFUNDED")
    assert (order["captured"]["amount"], order["refunded"]["amount"]) == (3_998, 1_000)
    assert (await staff.post(f"{path}/refunds", {"reason": "all of it"})).status_code == 202
    await becomes(shop, order_id, "PAID", "REFUNDED")
    assert (await staff.post(f"{path}/refunds", {"reason": "more"})).json()["code"] == "amount_refused"
    assert await disagreements(shop, order_id) == []


async def test_a_refund_that_comes_late_comes_and_one_that_fails_is_reported(shop: ShopClient) -> None:
    staff = await shop.staff()
    customer, order_id = await ordered(shop)
    await asked(customer, order_id, "tok_refund_late")
    await becomes(shop, order_id, "PAID", "CAPTURED")
    assert (await customer.post(f"/v1/orders/{order_id}/cancel", {"reason": "no"})).status_code == 200
    await becomes(shop, order_id, "CANCELLED", "REFUNDED")
    assert (await facts(shop, order_id)).count("PaymentRefunded") == 1
    customer, failing = await ordered(shop)
    await asked(customer, failing, "tok_refund_decline")
    await becomes(shop, failing, "PAID", "CAPTURED")
    assert (await customer.post(f"/v1/orders/{failing}/cancel", {"reason": "no"})).status_code == 200

    async def failed() -> bool:
        return "RefundFailed" in await facts(shop, failing)

    await eventually(failed)
    await seen(shop, failing)
    expected = ("refund_missing", failing, PRICE)
    assert [(each["kind"], each["order_id"], each["found"]) for each in await disagreements(shop, failing)] == [
        expected
    ]
    # By hand, then: what the bank did at last is told by a webhook.
    assert (await staff.post(f"/v1/orders/{failing}/refunds", {"reason": "again"})).status_code == 202
    [payment] = (await seen(shop, failing))["payments"]
    data = {"order_id": failing, "payment_id": payment["payment_id"], "amount": PRICE, "currency": "USD"}
    said = {"type": "refund.succeeded", "data": {**data, "reference": "by hand", "refund_id": "by-hand"}}
    assert (await told(shop, said)).status_code == 202
    await becomes(shop, failing, "CANCELLED", "REFUNDED")
    # Now the book has what the sandbox never heard of, and that is said.
    assert [each["kind"] for each in await disagreements(shop, failing)] == ["gateway_differs"]


async def test_two_tabs_that_pay_at_once_lead_to_one_charge(shop: ShopClient) -> None:
    customer, order_id = await ordered(shop)
    paying = (customer.post(f"/v1/orders/{order_id}/pay", {"method": "tok_late"}) for _ in range(6))
    answers = await asyncio.gather(*paying)
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409, 409]
    order = await becomes(shop, order_id, "PAID", "CAPTURED")
    assert amounts(order) == [("CAPTURED", PRICE, 0)]
    assert await disagreements(shop, order_id) == []


async def test_a_charge_without_an_order_is_reported(shop: ShopClient, settings: Settings) -> None:
    stray = new_id("ord")
    asked = {"order_id": stray, "payment_id": new_id("pay"), "amount": 5, "currency": "USD", "method": "tok_approve"}
    assert settings.gateway_url is not None and settings.gateway_key is not None
    headers = {"Authorization": f"Bearer {settings.gateway_key.get_secret_value()}"}
    async with httpx.AsyncClient(base_url=settings.gateway_url, headers=headers, timeout=PATIENCE_S) as thief:
        charged = await thief.post("/v1/payments", json={**asked, "capture": True, "notify_url": ""})
        assert charged.json()["status"] == "captured"
        found = await disagreements(shop, stray)
        assert [(each["kind"], each["found"]) for each in found] == [("charged_without_order", 5)]
        refund = {"refund_id": "r", "amount": 5}
        assert (await thief.post(f"/v1/payments/{asked['payment_id']}/refunds", json=refund)).status_code == 200
    assert await disagreements(shop, stray) == []
