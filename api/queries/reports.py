"""What was sold, by period and by group, as it was known at any moment; as JSON, or as CSV for spreadsheets."""

import asyncio
from dataclasses import fields
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from api.fields import Currency
from api.media import CSV, chosen
from api.paging import Cursor, PageInfo, Pages
from api.problems import invalid
from api.queries.routing import page_of, query_router, shown
from api.queries.sheets import sales_sheet, summary_sheet
from api.reading import Read
from api.security import Staff
from api.times import EARLIEST, LATEST, AsOf, From, To
from infrastructure.feed import position_at
from queries import sale
from queries.rows import Money
from queries.sale import SALES, Figures, Group, Period, Question, Sales

router = query_router("/v1/reports", "reports")

MAX_ROWS, MAX_CSV_ROWS = 1_000, 100_000

_MONEY = {"amount": 1999, "currency": "USD"}
_FIGURES = {
    "orders": 1,
    "units": 2,
    "revenue": _MONEY,
    "refunded": {"amount": 0, "currency": "USD"},
    "average_order": _MONEY,
}
_NAMED = Field(exclude_if=lambda named: named is None)
_NAMED_BY_SLUG = Field(exclude_if=lambda named: named is None, description="Its slug; names may change, slugs do not.")


class SaleRow(BaseModel):
    """One period, or one group in it. A sale counts when it is paid, at its business time in UTC."""

    period: Annotated[str, Field(description="ISO 8601: 2017-01-02, 2017-W01 or 2017-01.", examples=["2017-W01"])]
    starts_on: date
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
    average_order: Money


class SalesReport(BaseModel):
    data: list[SaleRow]
    page: PageInfo
    as_of: Annotated[int, Field(description="The position that the figures stand for: asked as of it, they stay.")]


class SummaryReport(BaseModel):
    orders: int
    placed_orders: int
    customers: int
    units: int
    revenue: Money
    refunded: Money
    average_order: Money
    as_of: int


class About:
    """What every report takes: a span of business time, a moment of knowledge, a currency."""

    def __init__(
        self,
        read: Read,
        since: From = None,
        until: To = None,
        as_of: Annotated[
            AsOf,
            Query(description="As it was known at this time (by `recorded_at`), or at this position of the book."),
        ] = None,
        currency: Annotated[Currency | None, Query(description="By default the shop's.")] = None,
    ) -> None:
        if since is not None and until is not None and until < since:
            raise invalid("?to", "lies before from")
        self._read, self._as_of = read, as_of
        self._since, self._until = since or EARLIEST, until or LATEST
        self._currency = currency or read.shop.settings.currency

    async def question(self, *projections: str) -> Question:
        """Once `projections` have all that was known then. Without `as_of`: what all of them know by now."""
        position = await self._position()
        reached = await self._read.seen(*projections, at_least=position or 0)
        return Question(reached if position is None else position, self._currency, self._since, self._until)

    async def _position(self) -> int | None:
        if isinstance(self._as_of, datetime):
            position = await position_at(self._read.shop.pool, self._as_of)
            if position is None:
                raise invalid("?as_of", "lies in the future, of which nothing is known yet")
            return position
        if self._as_of is not None and self._as_of > (head := await self._read.shop.store.head()):
            raise invalid("?as_of", f"the book ends at position {head}")
        return self._as_of


Asked = Annotated[About, Depends()]


@router.get(
    "/sales",
    response_model=SalesReport,
    responses=shown(
        {**page_of({"period": "2017-W01", "starts_on": "2017-01-02", **_FIGURES}), "as_of": 1042},
        csv="period,starts_on,orders,units,revenue_minor,refunded_minor,average_order_minor,currency\r\n"
        "2017-W01,2017-01-02,1,2,1999,0,1999,USD\r\n",
    ),
)
async def report_sales(
    request: Request,
    response: Response,
    read: Read,
    staff: Staff,
    about: Asked,
    group_by: Period = "day",
    by: Group | None = None,
    limit: Annotated[int | None, Query(ge=1, le=MAX_ROWS, description="By default all, up to 1,000.")] = None,
    cursor: Cursor = None,
) -> Response:
    """Orders, units and money by period: days, ISO weeks or months of UTC; with `by`, also by category, by department
    (the root of a category's tree) or by product. Periods without sales are left out."""
    media_type = chosen(request)
    pages = Pages(request, response, limit or (MAX_CSV_ROWS if media_type == CSV else MAX_ROWS), cursor, total=False)
    question = await about.question("sale", "sale_line", "category", "product")
    rows, info = await pages.read(SALES[group_by, by], {}, *question.arguments)
    if media_type == CSV:
        named = [f"{by}_id", by] if by else []
        table = await asyncio.to_thread(sales_sheet, rows, group_by, question.currency, named)
        return read.answer(table, CSV)
    found = [sale.sales_from_row(row, group_by, question.currency) for row in rows]
    report = SalesReport(data=[_sale_row(sales, by) for sales in found], page=info, as_of=question.as_of)
    return read.answer(report.model_dump_json().encode())


@router.get(
    "/summary",
    response_model=SummaryReport,
    responses=shown({"orders": 1, "placed_orders": 1, "customers": 1, **_FIGURES, "as_of": 1042}),
)
async def report_summary(request: Request, read: Read, staff: Staff, about: Asked) -> Response:
    """The figures of a whole span of time: orders paid in it, orders placed in it, customers who paid, money."""
    media_type = chosen(request)
    question = await about.question("sale")
    found = await sale.summary(read.shop.pool, question)
    if media_type == CSV:
        return read.answer(summary_sheet(found), CSV)
    report = SummaryReport(
        placed_orders=found.placed, customers=found.customers, **_members(found.figures), as_of=question.as_of
    )
    return read.answer(report.model_dump_json().encode())


def _sale_row(sales: Sales, by: Group | None) -> SaleRow:
    named = {f"{by}_id": sales.group_id, by: sales.group} if by else {}
    return SaleRow.model_validate(
        {"period": sales.period, "starts_on": sales.starts_on, **named, **_members(sales.figures)}
    )


def _members(figures: Figures) -> dict[str, Any]:
    return {field.name: getattr(figures, field.name) for field in fields(Figures)}
