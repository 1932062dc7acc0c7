"""Prices over HTTP: scheduled ones that start and end by themselves, and what their history says."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from infrastructure.settings import Settings
from tests.e2e.shop_client import Caller, Product, ShopClient, open_client
from tests.waiting import eventually


def in_s(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def put(staff: Caller, product: Product, amount: int, **body: Any) -> Any:
    answer = await staff.request(
        "PUT", f"/v1/variants/{product.sku}/price", json={"amount": amount, "currency": "USD", **body}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def history(staff: Caller, product: Product, **params: Any) -> Any:
    answer = await staff.get(f"/v1/variants/{product.sku}/price-history", **params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def shown(caller: Caller, product: Product) -> tuple[int, list[int]]:
    (variant,) = (await caller.get(f"/v1/products/{product.product_id}")).json()["variants"]
    return variant["prices"][0]["amount"], [each["amount"] for each in variant["compare_at"]]


async def test_a_scheduled_price_starts_and_ends_by_itself(shop_client: ShopClient) -> None:
    staff, guest = await shop_client.staff(), shop_client.guest()
    product = await shop_client.product(price=1_000)
    set_ = await put(staff, product, 800, starts_at=in_s(1), ends_at=in_s(4))
    assert await shown(guest, product) == (1_000, [])
    (waiting,) = (await history(staff, product))["schedules"]
    assert (waiting["schedule_id"], waiting["status"]) == (set_["schedule_id"], "scheduled")

    async def costs(amount: int, *compare_at: int) -> bool:
        return await shown(guest, product) == (amount, list(compare_at))

    await eventually(lambda: costs(800, 1_000))
    shop_client.position = await shop_client.shop.store.head()
    told = await history(staff, product)
    assert [each["status"] for each in told["schedules"]] == ["running"]
    assert told["prices"][0]["reduction"]["lowest_before"] == {"amount": 1_000, "currency": "USD"}
    assert told["prices"][0]["lowest_30_days"]["amount"] == 800
    assert (told["data"][0]["actor"], told["data"][0]["schedule_id"]) == ("system:deadlines", set_["schedule_id"])
    await eventually(lambda: costs(1_000))
    shop_client.position = await shop_client.shop.store.head()
    told = await history(staff, product)
    assert [each["price"]["amount"] for each in told["data"]] == [1_000, 800, 1_000]
    assert (told["schedules"], told["prices"][0]["reduction"]) == ([], None)


async def test_a_schedule_is_called_off_before_and_while_it_runs(shop_client: ShopClient) -> None:
    staff, product = await shop_client.staff(), await shop_client.product(price=1_000)
    later = await put(staff, product, 500, starts_at=in_s(3_600))
    running = await put(staff, product, 800, ends_at=in_s(1_800))
    assert await shown(staff, product) == (800, [1_000])
    for each in (later, running):
        path = f"/v1/variants/{product.sku}/price/schedules/{each['schedule_id']}"
        for _ in range(2):
            assert (await staff.request("DELETE", path)).status_code == 200
    assert await shown(staff, product) == (1_000, [])
    assert (await history(staff, product))["schedules"] == []


async def test_prices_that_make_no_sense_are_refused(shop_client: ShopClient) -> None:
    staff, product = await shop_client.staff(), await shop_client.product(price=1_000)
    await put(staff, product, 800, starts_at=in_s(60), ends_at=in_s(120))
    path = f"/v1/variants/{product.sku}/price"
    for wrong, status, code in (
        ({"ends_at": in_s(-5)}, 422, "validation_failed"),
        ({"starts_at": in_s(90), "ends_at": in_s(80)}, 422, "validation_failed"),
        ({"starts_at": "2026-01-01T00:00:00"}, 422, "validation_failed"),
        ({"starts_at": "9999-12-31T23:59:59-10:00"}, 422, "validation_failed"),
        ({"compare_at": {"amount": 600, "currency": "USD"}}, 422, "validation_failed"),
        ({"compare_at": {"amount": 900, "currency": "EUR"}}, 422, "validation_failed"),
        ({"starts_at": in_s(90)}, 409, "schedule_overlaps"),
    ):
        answer = await staff.request("PUT", path, json={"amount": 700, "currency": "USD", **wrong})
        assert (answer.status_code, answer.json()["code"]) == (status, code), wrong
    assert (await staff.request("DELETE", f"{path}/schedules/psc_1")).status_code == 422
    missing = await staff.request("PUT", "/v1/variants/NO-SUCH/price", json={"amount": 1, "currency": "USD"})
    assert missing.status_code == 404


async def test_the_history_as_of_an_earlier_moment(shop_client: ShopClient) -> None:
    staff, product = await shop_client.staff(), await shop_client.product(price=1_000)
    await put(staff, product, 400)
    told = await history(staff, product)
    recorded_at, position = told["data"][0]["recorded_at"], told["data"][0]["position"]
    await put(staff, product, 2_000)
    for as_of in (recorded_at, position):
        then = await history(staff, product, as_of=as_of)
        assert [each["price"]["amount"] for each in then["data"]] == [400, 1_000]
        assert then["prices"][0]["lowest_30_days"]["amount"] == 400
    before = await history(staff, product, as_of=position - 1)
    assert [each["price"]["amount"] for each in before["prices"]] == [1_000]
    assert (await history(staff, product))["prices"][0]["price"]["amount"] == 2_000


async def test_what_fell_due_while_nothing_ran_is_done_at_the_next_start(
    own_database_url: str, redis_url: str, key_prefix: str, settings: Settings, tmp_path: Path
) -> None:
    own = settings.model_copy(update={"database_url": SecretStr(own_database_url)})
    async with open_client(own.model_copy(update={"workers_in_process": False})) as idle:
        staff = await idle.staff()
        category = await idle.category()
        product = await idle.product(price=1_000, stock=0, category_id=category)
        await put(staff, product, 800, starts_at=in_s(0.2))
        missed = await idle.product(price=1_000, stock=0, category_id=category)
        await put(staff, missed, 1, starts_at=in_s(0.2), ends_at=in_s(0.4))
    async with open_client(own) as client:
        staff = await client.staff()

        async def started() -> bool:
            return await shown(staff, product) == (800, [])

        await eventually(started)
        client.position = await client.shop.store.head()
        assert await shown(staff, missed) == (1_000, [])
