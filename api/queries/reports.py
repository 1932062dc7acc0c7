"""What the shop has sold, to whom, from what stock and out of which carts; all as it was known at any moment."""

from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import Query, Response
from pydantic import BaseModel, Field, TypeAdapter

from api.media import CSV
from api.queries import report_examples as examples
from api.queries.routing import query_router, shown
from api.queries.sheets import named, sheet
from api.reporting import Asked, Listed, ReportPage
from api.security import Staff
from queries.reports import carts, customers, inventory, sales, summary
from queries.reports.carts import AbandonedCart, AbandonedCarts, Funnel
from queries.reports.customers import Customer, Customers
from queries.reports.inventory import Item, Movement, Totals
from queries.reports.question import Period
from queries.reports.sales import Group, Sales
from queries.reports.summary import Summary
from queries.rows import Money

router = query_router("/v1/reports", "reports")

_NAMED = Field(exclude_if=lambda named: named is None)
_NAMED_BY_SLUG = Field(exclude_if=lambda named: named is None, description="Its slug, as of then.")

GroupBy = Annotated[
    Period | None, Query(description="Days, ISO weeks or months of UTC; without it, the whole span is one.")
]


class SaleRow(BaseModel):
    """One period, or one group in it. An order counts when it is paid, at its business time in UTC."""

    period: Annotated[str | None, Field(description="2017-01-02, 2017-W01 or 2017-01.", examples=["2017-W01"])]
    starts_on: date | None
    category_id: Annotated[str | None, _NAMED] = None
    category: Annotated[str | None, _NAMED_BY_SLUG] = None
    department_id: Annotated[str | None, _NAMED] = None
    department: Annotated[str | None, _NAMED_BY_SLUG] = None
    product_id: Annotated[str | None, _NAMED] = None
    product: Annotated[str | None, _NAMED_BY_SLUG] = None
    orders: int
    units: int
    revenue: Money
    refunded: Money
    net: Money
    average_order: Money


class SalesReport(ReportPage[SaleRow]):
    """Of one group only its own members are there."""


class InventoryReport(ReportPage[Item]):
    totals: Annotated[Totals | None, Field(exclude_if=lambda totals: totals is None)] = None


class AbandonedReport(ReportPage[AbandonedCart | AbandonedCarts]):
    until: Annotated[datetime, Field(description="Carts that were touched at this time or later are left out.")]


@dataclass(frozen=True, slots=True)
class SummaryReport(Summary):
    """`orders`, `units` and `customers` are of paid orders; `conversion`: of the `carts` begun so many checked out."""

    as_of: int
    periods: Annotated[list[SaleRow] | None, Field(exclude_if=lambda periods: periods is None)] = None


_SUMMARY = TypeAdapter(SummaryReport)


@router.get("/summary", response_model=SummaryReport, responses=shown(examples.SUMMARY))
async def report_summary(
    asked: Asked,
    staff: Staff,
    group_by: Annotated[Period | None, Query(description="Show the periods as well, up to 1,000.")] = None,
) -> Response:
    """The figures of a whole span of time."""
    question = await asked.question(*summary.READS)
    found = await summary.summary(asked.rows, question)
    if asked.media_type == CSV:
        return asked.read.answer(sheet(Summary, [found], question.currency), CSV)
    periods = [_sale_row(row) for row in await sales.periods(asked.rows, question, group_by)] if group_by else None
    figures = {each.name: getattr(found, each.name) for each in fields(found)}
    return asked.read.answer(_SUMMARY.dump_json(SummaryReport(**figures, as_of=question.as_of, periods=periods)))


@router.get("/sales", response_model=SalesReport, responses=shown(examples.SALES, csv=examples.SALES_CSV))
async def report_sales(asked: Listed, staff: Staff, group_by: Period = "day", by: Group | None = None) -> Response:
    """Orders, units and money by period; with `by`, also by category, by department (the root of a category's tree) or
    by product. Periods without sales are left out."""
    return await _sales(asked, by, group_by)


@router.get("/products", response_model=SalesReport, responses=shown(examples.PRODUCTS))
async def report_products(asked: Listed, staff: Staff, group_by: GroupBy = None) -> Response:
    """What each product sold for, the one that sold for most first; with `group_by`, by period."""
    return await _sales(asked, "product", group_by)


@router.get("/categories", response_model=SalesReport, responses=shown(examples.CATEGORIES))
async def report_categories(
    asked: Listed,
    staff: Staff,
    group_by: GroupBy = None,
    level: Annotated[
        Literal["category", "department"], Query(description="A department is a category with all that is below it.")
    ] = "category",
) -> Response:
    """What the articles of each category sold for, the one that sold for most first; with `group_by`, by period."""
    return await _sales(asked, level, group_by)


@router.get("/customers", response_model=ReportPage[Customers | Customer], responses=shown(examples.CUSTOMERS))
async def report_customers(
    asked: Listed,
    staff: Staff,
    group_by: GroupBy = None,
    by: Annotated[
        Literal["customer"] | None, Query(description="One by one, those whose first paid order lies in the span.")
    ] = None,
) -> Response:
    """Who bought, and for whom it was the first time; with `by=customer`, what each has been worth so far."""
    if by:
        return await asked.answer(customers.customers_each, None)
    return await asked.answer(customers.customers, group_by)


@router.get("/inventory", response_model=InventoryReport | ReportPage[Movement], responses=shown(examples.INVENTORY))
async def report_inventory(
    asked: Listed,
    staff: Staff,
    group_by: Annotated[Period | None, Query(description="All SKUs together, by period.")] = None,
    low: Annotated[bool | None, Query(alias="filter[low]", description="What is running out, or what is not.")] = None,
    include: Annotated[Literal["totals"] | None, Query(description="`totals` sums up everything.")] = None,
) -> Response:
    """What lay in stock at the end of the span, its value at list prices, and how much was sold in between."""
    if group_by:
        return await asked.answer(inventory.inventory_by_period, group_by)
    question = await asked.about.question(*inventory.inventory.reads)
    totals = await inventory.totals(asked.about.rows, question) if include else None
    filters = {} if low is None else {"low" if low else "not_low": True}
    return await asked.answer(
        inventory.inventory, None, filters=filters, question=question, page=InventoryReport, totals=totals
    )


@router.get("/funnel", response_model=ReportPage[Funnel], responses=shown(examples.FUNNEL))
async def report_funnel(asked: Listed, staff: Staff, group_by: GroupBy = None) -> Response:
    """How many carts were begun, and how many of them were checked out, paid and shipped up to now."""
    return await asked.answer(carts.funnel, group_by)


@router.get("/abandoned-carts", response_model=AbandonedReport, responses=shown(examples.ABANDONED_CARTS))
async def report_abandoned_carts(
    asked: Listed,
    staff: Staff,
    group_by: Annotated[Period | None, Query(description="All carts together, by when they were left.")] = None,
) -> Response:
    """Carts with something in them that were last touched in the span: up to a day ago, unless `to` says otherwise."""
    report = carts.abandoned_carts_by_period if group_by else carts.abandoned_carts
    question = await asked.about.untouched(*report.reads)
    return await asked.answer(report, group_by, question=question, page=AbandonedReport, until=question.until)


async def _sales(asked: Listed, by: Group | None, group_by: Period | None) -> Response:
    def show(row: Sales) -> SaleRow:
        return _sale_row(row, by)

    return await asked.answer(sales.sales[by], group_by, names=named(by), page=SalesReport, show=show)


def _sale_row(row: Sales, by: Group | None = None) -> SaleRow:
    members = asdict(row)
    group_id, group = members.pop("group_id"), members.pop("group")
    return SaleRow.model_validate(members | ({f"{by}_id": group_id, by: group} if by else {}))
