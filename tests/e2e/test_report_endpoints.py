"""Each report over HTTP: what shoppers did shows in all of them, as JSON and as CSV, in pages, as of then and now."""

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.shop_client import Caller, Product, ShopClient
from tests.waiting import eventually

REPORTS = ("sales", "products", "categories", "customers", "inventory", "funnel", "abandoned-carts")
USD = "USD"


@dataclass
class Shopped:
    """Ann bought two of a product for 19.99 each; Bob left one in his cart; Cleo's order waits for its money."""

    staff: Caller
    product: Product
    ann: Caller
    bob: Caller
    before: int
    """The position when nobody had bought anything."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shopped(shop_client: ShopClient) -> Shopped:
    product = await shop_client.product(stock=10)
    before = shop_client.position
    ann, bob, cleo = [await shop_client.customer(name) for name in ("Ann", "Bob", "Cleo")]
    paid = await shop_client.paid_order(ann, {product.sku: 2})
    staff = await shop_client.staff()
    assert (await staff.post(f"/v1/orders/{paid}/ship")).status_code == 200
    await bob.post("/v1/cart/lines", {"sku": product.sku, "quantity": 1})
    await shop_client.order(cleo, {product.sku: 3})
    return Shopped(staff, product, ann, bob, before)


async def rows(staff: Caller, report: str, **asked: Any) -> list[dict[str, Any]]:
    answer = await staff.get(f"/v1/reports/{report}", **asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": USD}


async def test_the_summary_shows_the_whole_of_it(shopped: Shopped) -> None:
    asked = {"group_by": "month"}
    summary = (await shopped.staff.get("/v1/reports/summary", **asked)).json()
    assert {name: summary[name] for name in ("orders", "placed_orders", "customers", "units", "carts")} == {
        "orders": 1,
        "placed_orders": 2,
        "customers": 1,
        "units": 2,
        "carts": 3,
    }
    assert summary["revenue"] == summary["net"] == summary["average_order"] == usd(3_998)
    assert (summary["refunded"], summary["conversion"]) == (usd(0), 0.6667)
    [month] = summary["periods"]
    assert month["period"] == f"{datetime.now(UTC):%Y-%m}" and month["revenue"] == usd(3_998)
    assert "periods" not in (await shopped.staff.get("/v1/reports/summary")).json()


async def test_goods_are_told_by_product_category_and_department(shopped: Shopped) -> None:
    product = shopped.product
    [sold] = await rows(shopped.staff, "products")
    assert (sold["product_id"], sold["product"], sold["period"]) == (product.product_id, product.slug, None)
    assert (sold["orders"], sold["units"], sold["revenue"]) == (1, 2, usd(3_998))
    [sold] = await rows(shopped.staff, "categories", group_by="day")
    assert (sold["category_id"], sold["revenue"]) == (product.category_id, usd(3_998))
    assert sold["period"] == sold["starts_on"]
    [sold] = await rows(shopped.staff, "categories", level="department")
    assert (sold["department_id"], sold["units"]) == (product.category_id, 2)


async def test_customers_are_counted_and_named(shopped: Shopped) -> None:
    [all_] = await rows(shopped.staff, "customers")
    assert all_ == {
        "period": None,
        "starts_on": None,
        "customers": 1,
        "new": 1,
        "returning": 0,
        "orders": 1,
        "lifetime_value": usd(3_998),
    }
    [ann] = await rows(shopped.staff, "customers", by="customer")
    assert (ann["customer_id"], ann["orders"], ann["lifetime_value"]) == (shopped.ann.user_id, 1, usd(3_998))


async def test_the_inventory_counts_what_is_left_and_what_it_is_worth(shopped: Shopped) -> None:
    answer = (await shopped.staff.get("/v1/reports/inventory", include="totals")).json()
    [item] = answer["data"]
    assert (item["sku"], item["received"], item["sold"], item["on_hand"]) == (shopped.product.sku, 10, 2, 8)
    assert (item["unit_price"], item["value"], item["sell_through"]) == (usd(1_999), usd(15_992), 0.2)
    assert answer["totals"]["value"] == usd(15_992) and answer["totals"]["items"] == 1
    [euros] = await rows(shopped.staff, "inventory", currency="EUR")
    assert (euros["on_hand"], euros["unit_price"], euros["value"]) == (8, None, None)
    [month] = await rows(shopped.staff, "inventory", group_by="month")
    assert (month["opening"], month["on_hand"], month["sell_through"]) == (0, 8, 0.2)
    assert await rows(shopped.staff, "inventory", **{"filter[low]": "true"}) == []
    level = f"/v1/stock/{shopped.product.sku}"
    assert (await shopped.staff.request("PUT", f"{level}/threshold", json={"threshold": 9})).status_code == 200
    [low] = await rows(shopped.staff, "inventory", **{"filter[low]": "true"})
    assert low["low"] is True
    assert await rows(shopped.staff, "inventory", **{"filter[low]": "false"}) == []


async def test_the_funnel_shows_where_shoppers_stopped(shopped: Shopped) -> None:
    [steps] = await rows(shopped.staff, "funnel")
    assert [steps[name] for name in ("carts", "checkouts", "paid", "shipped", "without_cart")] == [3, 2, 1, 1, 0]
    assert steps["conversion"] == 0.6667


async def test_a_cart_is_abandoned_when_nobody_has_touched_it_for_a_day(shopped: Shopped) -> None:
    assert await rows(shopped.staff, "abandoned-carts") == []
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    [left] = await rows(shopped.staff, "abandoned-carts", to=soon)
    assert (left["customer_id"], left["lines"], left["units"]) == (shopped.bob.user_id, 1, 1)
    assert left["value"] == usd(1_999)
    [together] = await rows(shopped.staff, "abandoned-carts", to=soon, group_by="week")
    assert (together["carts"], together["units"], together["value"]) == (1, 1, usd(1_999))
    said = (await shopped.staff.get("/v1/reports/abandoned-carts", as_of=shopped.before)).json()
    until = datetime.fromisoformat(said["until"])
    assert timedelta(hours=24) < datetime.now(UTC) - until < timedelta(hours=25)


@pytest.mark.parametrize("report", ["summary", *REPORTS])
async def test_before_anyone_had_bought_anything_there_was_nothing_and_it_stays_so(
    shop_client: ShopClient, shopped: Shopped, report: str
) -> None:
    asked: dict[str, Any] = {"as_of": shopped.before}
    first = await shopped.staff.get(f"/v1/reports/{report}", **asked)
    assert first.json().get("orders", 0) == 0
    assert [row for row in first.json().get("data", ()) if row.get("sold") != 0] == []
    now = await shopped.staff.get(f"/v1/reports/{report}")
    await shop_client.paid_order(shopped.ann, {(await shop_client.product()).sku: 1})
    assert (await shopped.staff.get(f"/v1/reports/{report}", **asked)).content == first.content
    again = (await shopped.staff.get(f"/v1/reports/{report}", as_of=now.json()["as_of"])).json()
    assert again | {"until": None} == now.json() | {"until": None}


@pytest.mark.parametrize("report", ["summary", *REPORTS])
@pytest.mark.parametrize("group_by", [None, "week"])
async def test_a_spreadsheet_says_the_same(shopped: Shopped, report: str, group_by: str | None) -> None:
    asked = {"to": "2999-12-31"} | ({"group_by": group_by} if group_by else {})
    answer = (await shopped.staff.get(f"/v1/reports/{report}", **asked)).json()
    said = answer.get("data", [answer])
    path = f"/v1/reports/{report}?to=2999-12-31{'&group_by=week' if group_by else ''}&as_of={answer['as_of']}"
    sheet = await shopped.staff.request("GET", path, headers={"Accept": "text/csv"})
    assert sheet.headers["Content-Type"] == "text/csv; charset=utf-8"
    read = list(csv.DictReader(io.StringIO(sheet.text, newline="")))
    assert len(read) == len(said) > 0
    for row, told in zip(read, said, strict=True):
        for name, value in told.items():
            match value:
                case {"amount": amount, "currency": currency}:
                    assert (row[f"{name}_minor"], row["currency"]) == (str(amount), currency)
                case None:
                    assert row.get(name, row.get(f"{name}_minor")) == ""
                case int() | float() | str() if name not in ("as_of", "periods"):
                    assert row[name].lower() == str(value).lower()


async def test_every_report_comes_in_pages_that_fit_together(shop_client: ShopClient, shopped: Shopped) -> None:
    for _ in range(3):
        await shop_client.paid_order(await shop_client.customer(), {(await shop_client.product()).sku: 1})

    async def there() -> bool:
        return len(await rows(shopped.staff, "products")) > 3

    await eventually(there)
    for report in ("products", "categories", "inventory", "customers?by=customer"):
        path = f"/v1/reports/{report}{'&' if '?' in report else '?'}as_of={await shop_client.shop.store.head()}"
        whole = (await shopped.staff.request("GET", path)).json()["data"]
        found, cursor = [], ""
        while True:
            page = (await shopped.staff.request("GET", f"{path}&limit=2{cursor}")).json()
            found += page["data"]
            if not page["page"]["has_more"]:
                break
            cursor = f"&cursor={page['page']['next_cursor']}"
        assert found == whole and len(whole) > 3, report


@pytest.mark.parametrize("report", REPORTS)
async def test_reports_are_not_for_everyone(shop_client: ShopClient, shopped: Shopped, report: str) -> None:
    path = f"/v1/reports/{report}"
    assert (await shop_client.guest().get(path)).status_code == 401
    assert (await shopped.ann.get(path)).status_code == 403
    for parameter in ("group_by=year", "as_of=99999999", "currency=usd", "nothing=1", "from=2017-02-01&to=2017-01-01"):
        assert (await shopped.staff.request("GET", f"{path}?{parameter}")).status_code == 422
