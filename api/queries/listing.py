"""The list of products: searched, filtered, sorted, counted. Guests' lists come from the cache."""

import hashlib
import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from api import warm
from api.depending import on_the_loop
from api.paging import Listed, Page
from api.problems import Problem
from api.queries.catalog import PRODUCT
from api.queries.listing_parameters import TAG, Asked
from api.queries.routing import page_of, shown
from api.reading import Read, refuse_unknown
from api.security import Visitor
from api.straight import StraightRoute
from infrastructure.answers import Subject
from queries.listing import ListedProduct, Wanted, products, statement
from queries.rows import Window

PROJECTIONS = ("availability", "category", "listing", "listing_price", "product")


async def closed_but_for_attributes(request: Request) -> None:
    refuse_unknown(request, TAG)


router = APIRouter(
    prefix="/v1", tags=["catalog"], dependencies=[Depends(closed_but_for_attributes)], route_class=StraightRoute
)


class ProductPage(Page[ListedProduct]):
    """What the answer is; it is put together from JSON that the database has made."""

    facets: Annotated[
        dict[str, Any] | None,
        Field(
            exclude_if=lambda facets: facets is None,
            description="With `facets=`: of each the values and how many products have them, `price` as ranges.",
        ),
    ] = None
    explain: Annotated[
        dict[str, Any] | None,
        Field(exclude_if=lambda explain: explain is None, description="With `explain=true`: statement and plan."),
    ] = None


@router.get(
    "/products",
    response_model=ProductPage,
    responses=shown(
        {
            **page_of({**PRODUCT, "in_stock": True}),
            "facets": {"color": [{"value": "red", "count": 12}, {"value": "blue", "count": 7}]},
        }
    ),
    openapi_extra={
        "parameters": [
            {
                "name": "filter[attr.NAME]",
                "in": "query",
                "schema": {"type": "string"},
                "description": "An attribute or option has this value, as in `filter[attr.color]=red`.",
            },
            {
                "name": "filter[attr.NAME][in]",
                "in": "query",
                "schema": {"type": "string"},
                "description": "One of several values, as in `filter[attr.color][in]=red,blue`.",
            },
        ]
    },
)
async def list_products(
    read: Read, page: Listed, asked: Annotated[Asked, Depends(on_the_loop(Asked))], visitor: Visitor
) -> Response:
    """Products, newest first unless you sort or search. `If-None-Match` with an earlier `ETag` saves a repetition."""
    status, staff = asked.status, visitor is not None and visitor.is_staff
    if not staff:
        if status not in (None, "active"):
            raise Problem(403, "forbidden", "Only staff see what is not on sale.")
        status = "active"
    if asked.explain and not (staff and read.shop.settings.development):
        raise Problem(403, "forbidden", "Plans are for staff, in development mode.")
    wanted = asked.wanted(status, total=page.total)
    caller = status or "staff"
    window = page.window(wanted.key, caller)
    reached = await read.seen(*PROJECTIONS)

    async def fetched() -> tuple[int, bytes | None]:
        found = await products(read.shop.pool, wanted, window)
        info = page.shown(found, found.total, caller)
        body = f'{{"data":{found.products},"page":{info.model_dump_json()}'
        if found.facets is not None:
            body += f',"facets":{found.facets}'
        if asked.explain:
            body += f',"explain":{json.dumps(await _plan(read, wanted, window))}'
        return reached, f"{read.headers.get('link', '')}\n{body}}}".encode()

    if status != "active" or asked.explain:
        position, entry = await fetched()
        return _answered(read, position, entry or b"")
    subject = _subject(read, is_search=wanted.text is not None)
    found = await read.shop.answers.get(subject, fetched, at_least=read.min_position)
    answer = _answered(read, found.position, found.body or b"")
    if visitor is None:
        warm.keep(read, subject, found, read.headers["etag"], (found.body or b"").partition(b"\n")[2])
    return answer


def _answered(read: Read, position: int, entry: bytes) -> Response:
    """An entry is a line with the `Link` header, then the body."""
    link, _, body = entry.partition(b"\n")
    read.stands_for(position)
    if link:
        read.linked(link.decode())
    return read.not_modified() if read.tagged(hashlib.blake2b(body, digest_size=12).hexdigest()) else read.answer(body)


def _subject(read: Read, *, is_search: bool) -> Subject:
    """Of a list that is the same for everyone who may see no more than what is on sale."""
    asked = sorted(read.request.query_params.multi_items())
    identity = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
    return Subject("products:list", identity, PROJECTIONS, "products", "changed", is_search, is_search)


async def _plan(read: Read, wanted: Wanted, window: Window) -> dict[str, Any]:
    sql, values = statement(wanted, window)
    plan = await read.shop.pool.fetch(f"EXPLAIN {sql}", *values)
    return {"statement": sql, "plan": [row[0] for row in plan]}
