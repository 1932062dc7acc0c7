"""What the gateway tells the shop by webhooks: believed when it is signed, and counted once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from infrastructure.ids import new_id
from infrastructure.settings import Settings
from tests.e2e.charging import PATH, captured, facts, ordered, told
from tests.e2e.shop_client import ShopClient, open_client
from tests.sandbox import WEBHOOK_SECRET

OLD_SECRET = "whsec_" + "b2xkZXIgYnV0IHN0aWxsIGdvb2QgZm9yIG5vdw=="


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(settings: Settings) -> AsyncIterator[ShopClient]:
    secrets = SecretStr(f"{WEBHOOK_SECRET},{OLD_SECRET}")
    async with open_client(settings.model_copy(update={"webhook_secret": secrets})) as client:
        yield client


async def test_a_webhook_counts_once_however_often_and_from_how_many_sides_it_comes(shop: ShopClient) -> None:
    _, order_id = await ordered(shop)
    said = captured(order_id, "pay_elsewhere")
    answers = await asyncio.gather(*(told(shop, said, event_id="evt_same") for _ in range(5)))
    assert {answer.status_code for answer in answers} <= {202, 409}, "what is under way may be asked again"
    assert (await told(shop, said, event_id="evt_same")).headers["Idempotent-Replayed"] == "true"
    assert (await told(shop, said, event_id="evt_other")).status_code == 202
    assert (await facts(shop, order_id)).count("PaymentCaptured") == 1
    other = {**said, "type": "payment.declined"}
    assert (await told(shop, other, event_id="evt_same")).json()["code"] == "idempotency_key_reused"


async def test_only_the_gateway_is_believed_and_only_for_five_minutes(shop: ShopClient) -> None:
    _, order_id = await ordered(shop)
    said, now = captured(order_id, "pay_forged"), datetime.now(UTC)
    stranger = "whsec_" + "c29tZWJvZHkgZWxzZXMgc2VjcmV0IGFsdG9nZXRoZXI="
    nonsense = {"webhook-id": "e", "webhook-timestamp": "x", "webhook-signature": "v1"}
    in_time = str(int(now.timestamp()))
    refused = [
        await told(shop, said, secret=stranger),
        await told(shop, said, tampered=True),
        await told(shop, said, at=now - timedelta(minutes=6)),
        await told(shop, said, at=now + timedelta(minutes=6)),
        await shop.http.post(PATH, json=said),
        await shop.http.post(PATH, json=said, headers=nonsense),
        await shop.http.post(PATH, content=b"\xff\xfe", headers={**nonsense, "webhook-timestamp": in_time}),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(401, "webhook_refused")}
    assert await facts(shop, order_id) == ["OrderPlaced"]
    assert (await told(shop, said, secret=OLD_SECRET)).status_code == 202, "while one secret replaces the other"
    assert (await shop.http.post("/v1/payments/webhooks/other", json=said)).status_code == 404


@pytest.mark.parametrize(
    "said", [[], {"type": "payment.captured"}, {"type": "payment.captured", "data": {"amount": "x"}}]
)
async def test_what_is_no_webhook_is_a_clear_problem(shop: ShopClient, said: Any) -> None:
    answer = await told(shop, said)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_a_body_without_end_is_not_read(shop: ShopClient) -> None:
    assert (await shop.http.post(PATH, content=b"x" * 2_000_000)).status_code == 413


async def test_what_is_not_about_us_is_taken_and_changes_nothing(shop: ShopClient) -> None:
    _, order_id = await ordered(shop)
    other_currency = captured(order_id, "pay_x")
    other_currency["data"]["currency"] = "EUR"
    for said in (
        captured(new_id("ord"), "pay_x"),
        other_currency,
        {**captured(order_id, "pay_x"), "type": "payout.paid"},
    ):
        answer = await told(shop, said)
        assert (answer.status_code, answer.json()) == (202, {"outcome": "ignored"})
    assert await facts(shop, order_id) == ["OrderPlaced"]
