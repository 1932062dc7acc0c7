"""What all reports take and how they answer: as JSON page by page, or as CSV for spreadsheets."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from api.fields import Currency
from api.media import CSV, chosen
from api.moments import IDLE, moment
from api.paging import Cursor, PageInfo, Pages
from api.problems import invalid
from api.queries.sheets import NO_NAMES, Names, sheet
from api.reading import Read
from api.times import EARLIEST, LATEST, AsOf, From, To
from infrastructure.feed import position_at
from queries.reports.question import Period, Question, Report

T = TypeVar("T")

MAX_ROWS, MAX_CSV_ROWS = 1_000, 100_000


class ReportPage(BaseModel, Generic[T]):
    data: list[T]
    page: PageInfo
    as_of: Annotated[int, Field(description="The position that the figures stand for: asked as of it, they stay.")]


class About:
    """A span of business time, a moment of knowledge, a currency."""

    def __init__(
        self,
        request: Request,
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
        self.media_type = chosen(request)
        self.read, self.rows = read, read.shop.pool
        self._since, self._until, self._as_of = since or EARLIEST, until, as_of
        self._currency = currency or read.shop.settings.currency

    async def question(self, *projections: str) -> Question:
        """Once `projections` have all that was known then. Without `as_of`: what all of them know by now."""
        position = await self._position()
        reached = await self.read.seen(*projections, at_least=position or 0)
        return Question(reached if position is None else position, self._since, self._until or LATEST, self._currency)

    async def untouched(self, *projections: str) -> Question:
        """As `question`, without what was touched in the last day: before now, or before the moment asked for."""
        question = await self.question(*projections)
        if self._until is not None:
            return question
        return replace(question, until=max(await moment(self.read.shop, self._as_of) - IDLE, self._since))

    async def _position(self) -> int | None:
        if isinstance(self._as_of, datetime):
            position = await position_at(self.read.shop.pool, self._as_of)
            if position is None:
                raise invalid("?as_of", "lies in the future, of which nothing is known yet")
            return position
        if self._as_of is not None and self._as_of > (head := await self.read.shop.store.head()):
            raise invalid("?as_of", f"the book ends at position {head}")
        return self._as_of


Asked = Annotated[About, Depends()]


class Listing:
    """A report whose rows come page by page."""

    def __init__(
        self,
        request: Request,
        response: Response,
        about: Asked,
        limit: Annotated[int | None, Query(ge=1, le=MAX_ROWS, description="By default all, up to 1,000.")] = None,
        cursor: Cursor = None,
    ) -> None:
        most = MAX_CSV_ROWS if about.media_type == CSV else MAX_ROWS
        self.about = about
        self._pages = Pages(request, response, limit or most, cursor, total=False)

    async def answer(
        self,
        report: Report[Any],
        group_by: Period | None,
        *,
        filters: Mapping[str, Any] = MappingProxyType({}),
        names: Names = NO_NAMES,
        question: Question | None = None,
        page: type[BaseModel] | None = None,
        show: Callable[[Any], Any] | None = None,
        **also: Any,
    ) -> Response:
        """`names` are of columns. `page` is the model of the answer, with rows as `show` makes them and `also` beside
        them."""
        about = self.about
        question = question or await about.question(*report.reads)
        window = self._pages.window(report.listings[group_by].key)
        part = await report.part(about.rows, question, group_by, window, filters)
        info = self._pages.shown(part, None)
        if about.media_type == CSV:
            return about.read.answer(
                await asyncio.to_thread(sheet, report.kind, part.rows, question.currency, names), CSV
            )
        data = part.rows if show is None else [show(row) for row in part.rows]
        found = (page or ReportPage[Any])(data=data, page=info, as_of=question.as_of, **also)
        return about.read.answer(found.model_dump_json().encode())


Listed = Annotated[Listing, Depends()]
