"""Reports over HTTP against sums made independently from the same sales, at any past position or time."""

import csv
import io
import itertools
from datetime import date, timedelta
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.shop_client import ShopClient
from tests.e2e.sold import Past, average_of, expected, make_past, rows_of


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def past(shop_client: ShopClient) -> Past:
    return await make_past(shop_client)


GROUPINGS = list(itertools.product(("day", "week", "month"), (None, "category", "department", "product")))


@pytest.mark.parametrize(("group_by", "by"), GROUPINGS)
async def test_sales_are_the_sums_of_what_was_sold(
    shop_client: ShopClient, past: Past, group_by: str, by: str | None
) -> None:
    staff = await shop_client.staff()
    asked = {"group_by": group_by, "to": "2025-12-31"} | ({"by": by} if by else {})
    report = (await staff.get("/v1/reports/sales", **asked)).json()
    assert rows_of(report, by) == expected(past, group_by, by)
    assert report["page"]["has_more"] is False
    if by:
        assert all(row[by] == past.slugs[row[f"{by}_id"]] for row in report["data"])
    euros = (await staff.get("/v1/reports/sales", **asked, currency="EUR")).json()
    assert rows_of(euros, by) == expected(past, group_by, by, currency="EUR")
    assert {row["revenue"]["currency"] for row in euros["data"]} == {"EUR"}


async def test_weeks_and_months_begin_on_their_first_day(shop_client: ShopClient, past: Past) -> None:
    staff = await shop_client.staff()
    weeks = (await staff.get("/v1/reports/sales", group_by="week")).json()["data"]
    assert all(date.fromisoformat(week["starts_on"]).isoweekday() == 1 for week in weeks)
    assert "2025-W01" in [week["period"] for week in weeks if week["starts_on"] == "2024-12-30"]
    months = (await staff.get("/v1/reports/sales", group_by="month")).json()["data"]
    assert [month["starts_on"] for month in months] == [f"{month['period']}-01" for month in months]


async def test_a_span_is_half_open_and_a_last_day_is_whole(shop_client: ShopClient, past: Past) -> None:
    staff = await shop_client.staff()
    since, last = date(2025, 1, 3), date(2025, 1, 20)
    by_days = await staff.get("/v1/reports/sales", **{"from": since.isoformat(), "to": last.isoformat()})
    days = expected(past, "day", None, within=lambda at: since <= at.date() <= last)
    assert rows_of(by_days.json(), None) == days != []
    first = min(sale.paid_at for sale in past.sales if sale.currency == "USD")
    exactly: dict[str, Any] = {"from": first.isoformat(), "to": (first + timedelta(microseconds=1)).isoformat()}
    assert sum(row["orders"] for row in (await staff.get("/v1/reports/sales", **exactly)).json()["data"]) == 1
    before: dict[str, Any] = {"to": first.isoformat()}
    assert (await staff.get("/v1/reports/sales", **before)).json()["data"] == []


async def test_a_report_as_of_a_position_stays_the_same_for_ever(shop_client: ShopClient, past: Past) -> None:
    staff = await shop_client.staff()
    given_back = [sale for sale in past.sales if sale.refunded_at and sale.currency == "USD"]
    then = given_back[len(given_back) // 2].paid_position  # when nobody knew yet that it would be given back
    assert expected(past, "week", None, as_of=then) != expected(past, "week", None)
    asked: dict[str, Any] = {"group_by": "week", "by": "department", "as_of": then}
    first = await staff.get("/v1/reports/sales", **asked)
    assert rows_of(first.json(), "department") == expected(past, "week", "department", as_of=then)
    assert first.json()["as_of"] == then

    product = await shop_client.product()
    await shop_client.paid_order(await shop_client.customer(), {product.sku: 3})
    category_id = next(iter(past.departments))
    renamed = await staff.request("PATCH", f"/v1/categories/{category_id}", json={"name": "Quite another name"})
    assert renamed.status_code == 200
    again = await staff.get("/v1/reports/sales", **asked)
    assert again.content == first.content

    now = (await staff.get("/v1/reports/sales")).json()
    assert (await staff.get("/v1/reports/sales", as_of=now["as_of"])).json() == now


async def test_a_time_stands_for_what_had_been_recorded_by_then(shop_client: ShopClient, past: Past) -> None:
    staff, store = await shop_client.staff(), shop_client.shop.store
    head = await store.head()
    facts = await store.stored_all(0, limit=head)
    for position in (1, 2, head // 3, head // 2, head - 1, head):
        recorded_at = facts[position - 1].recorded_at
        by_then = max(fact.id for fact in facts if fact.recorded_at <= recorded_at)
        report = (await staff.get("/v1/reports/summary", as_of=recorded_at.isoformat())).json()
        assert report["as_of"] == by_then
        before = (recorded_at - timedelta(microseconds=1)).isoformat()
        earlier = max((fact.id for fact in facts if fact.recorded_at < recorded_at), default=0)
        assert (await staff.get("/v1/reports/summary", as_of=before)).json()["as_of"] == earlier
    long_ago = (await staff.get("/v1/reports/summary", as_of="2001-01-01T00:00:00Z")).json()
    assert (long_ago["as_of"], long_ago["orders"]) == (0, 0)


async def test_the_summary_adds_up_to_the_periods(shop_client: ShopClient, past: Past) -> None:
    staff = await shop_client.staff()
    span: dict[str, Any] = {"from": "2024-12-25", "to": "2025-01-31", "as_of": past.sales[-1].paid_position}
    summary = (await staff.get("/v1/reports/summary", **span)).json()
    days = (await staff.get("/v1/reports/sales", **span)).json()["data"]
    assert summary["orders"] == sum(day["orders"] for day in days) > 0
    assert summary["units"] == sum(day["units"] for day in days)
    for money in ("revenue", "refunded"):
        assert summary[money]["amount"] == sum(day[money]["amount"] for day in days)
    assert summary["average_order"]["amount"] == average_of(summary["revenue"]["amount"], summary["orders"])
    everything = (await staff.get("/v1/reports/summary", to="2025-12-31")).json()
    sold = [sale for sale in past.sales if sale.currency == "USD"]
    assert (everything["orders"], everything["placed_orders"]) == (len(sold), len(sold) + 1)
    assert everything["revenue"]["amount"] == sum(sale.total for sale in sold)
    assert everything["customers"] == 1


async def test_a_spreadsheet_gets_the_samerows_of(shop_client: ShopClient, past: Past) -> None:
    staff = await shop_client.staff()
    path = "/v1/reports/sales?group_by=month&by=category&to=2025-12-31"
    answer = await staff.request("GET", path, headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows[0].keys() == {
        "period",
        "starts_on",
        "category_id",
        "category",
        "orders",
        "units",
        "revenue_minor",
        "refunded_minor",
        "net_minor",
        "average_order_minor",
        "currency",
    }
    found = [
        (
            row["period"],
            row["category_id"],
            *(int(row[name]) for name in ("orders", "units", "revenue_minor", "refunded_minor", "average_order_minor")),
        )
        for row in rows
    ]
    assert found == expected(past, "month", "category")
    nothing = await staff.request("GET", "/v1/reports/sales?to=2001-01-01", headers={"Accept": "text/csv"})
    assert nothing.text.startswith("period,starts_on,orders")
    summary = await staff.request("GET", "/v1/reports/summary", headers={"Accept": "text/csv, application/json;q=0.5"})
    assert summary.text.splitlines()[0].startswith("orders,placed_orders,customers,units,revenue_minor")


async def test_a_long_report_comes_in_pages_that_fit_together(shop_client: ShopClient, past: Past) -> None:
    staff = await shop_client.staff()
    asked: dict[str, Any] = {"by": "product", "to": "2025-12-31", "limit": 7}
    answer = (await staff.get("/v1/reports/sales", **asked)).json()
    asked["as_of"] = answer["as_of"]
    answer = (await staff.get("/v1/reports/sales", **asked)).json()
    rows, pages = rows_of(answer, "product"), 1
    while answer["page"]["next_cursor"]:
        last = answer
        answer = (await staff.get("/v1/reports/sales", **asked, cursor=answer["page"]["next_cursor"])).json()
        rows, pages = rows + rows_of(answer, "product"), pages + 1
    assert rows == expected(past, "day", "product")
    assert pages > 3
    back = (await staff.get("/v1/reports/sales", **asked, cursor=answer["page"]["prev_cursor"])).json()
    assert back["data"] == last["data"]


async def test_reports_are_for_staff(shop_client: ShopClient) -> None:
    for path in ("/v1/reports/sales", "/v1/reports/summary"):
        assert (await shop_client.guest().get(path)).status_code == 401
        assert (await (await shop_client.customer()).get(path)).status_code == 403
