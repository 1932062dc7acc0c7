"""The list of products: searched, filtered, sorted, counted. Guests' lists come from the cache."""

import hashlib
import json
import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from api import warm
from api.depending import on_the_loop
from api.fields import MAX_PRICE_MINOR, AttributeName, Currency, Printable, ShortText
from api.paging import Listed, Page
from api.problems import Problem, invalid
from api.queries.catalog import PRODUCT
from api.queries.routing import page_of, shown
from api.reading import Read, refuse_unknown
from api.security import Visitor
from infrastructure.answers import Subject
from queries.facets import CATEGORY, PRICE
from queries.listing import SORTS, ListedProduct, Sort, Wanted, from_row, products, statement
from queries.rows import Window

PROJECTIONS = ("availability", "category", "listing", "listing_price", "product")
FACETS_MAX, VALUES_MAX, SORTS_MAX = 10, 50, 3
_TAG = re.compile(r"filter\[attr\.([^\]]*)\](\[in\])?")
_NAME: TypeAdapter[str] = TypeAdapter(AttributeName)
_VALUE: TypeAdapter[str] = TypeAdapter(ShortText)

Words = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), Printable]


async def closed_but_for_attributes(request: Request) -> None:
    refuse_unknown(request, _TAG)


router = APIRouter(prefix="/v1", tags=["catalog"], dependencies=[Depends(closed_but_for_attributes)])


class ProductPage(Page[ListedProduct]):
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


class Asked:
    """The parameters of a list of products."""

    def __init__(
        self,
        request: Request,
        q: Annotated[
            Words | None,
            Query(description="Words that must all be there; the last may be a beginning. Typos are forgiven."),
        ] = None,
        category: Annotated[
            str | None,
            Query(
                alias="filter[category]",
                pattern=r"^[a-z0-9_-]{1,100}$",
                description="Id or slug of a category: its products and those of all categories below it.",
            ),
        ] = None,
        status: Annotated[
            Literal["draft", "active", "archived"] | None,
            Query(alias="filter[status]", description="For staff; shoppers see what is active."),
        ] = None,
        price_from: Annotated[
            int | None,
            Query(
                alias="filter[price][gte]",
                ge=0,
                le=MAX_PRICE_MINOR,
                description="In minor units. A product's price is that of its cheapest variant.",
            ),
        ] = None,
        price_to: Annotated[int | None, Query(alias="filter[price][lte]", ge=0, le=MAX_PRICE_MINOR)] = None,
        currency: Annotated[
            Currency | None, Query(description="Of prices that are filtered, sorted or counted by; else the shop's.")
        ] = None,
        in_stock: Annotated[Literal["true", "false"] | None, Query(alias="filter[in_stock]")] = None,
        sort: Annotated[
            str | None,
            Query(
                max_length=100,
                description=f"Up to {SORTS_MAX} of `{'`, `'.join(SORTS)}`; with `-` from the top down. "
                "Without it the newest come first, or with `q` the most relevant.",
                examples=["-price,name"],
            ),
        ] = None,
        facets: Annotated[
            str | None,
            Query(
                max_length=500,
                description="Count by `category`, `price`, attributes and options, each without its own filter.",
                examples=["color,category,price"],
            ),
        ] = None,
        explain: Annotated[
            Literal["true"] | None, Query(description="The statement and its plan; for staff, in development mode.")
        ] = None,
    ) -> None:
        self.explain = explain is not None
        self.status = status
        self._wanted = Wanted(
            currency or request.app.state.shop.settings.currency,
            None,
            q,
            category,
            _tags(request),
            price_from,
            price_to,
            None if in_stock is None else in_stock == "true",
            _sorts(sort, q),
            _facets(facets),
        )

    def wanted(self, status: str | None, *, total: bool) -> Wanted:
        asked = self._wanted
        return Wanted(
            asked.currency,
            status,
            asked.text,
            asked.category,
            asked.tags,
            asked.price_from,
            asked.price_to,
            asked.in_stock,
            asked.sort,
            asked.facets,
            total,
        )


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
        info = page.shown(found.part, found.total, caller)
        plan = await _plan(read, wanted, window) if asked.explain else None
        shown = ProductPage.model_construct(
            data=[from_row(row) for row in found.part.rows],
            page=info,
            facets=_priced(found.facets, wanted.currency) if wanted.facets else None,
            explain=plan,
        )
        link = read.headers.get("link", "")
        return reached, link.encode() + b"\n" + shown.model_dump_json().encode()

    if status != "active" or asked.explain:
        position, entry = await fetched()
        return _answered(read, position, entry or b"")
    subject = _subject(read)
    position, entry, good_for_s = await read.shop.answers.get(subject, fetched, at_least=read.min_position)
    answer = _answered(read, position, entry or b"")
    if visitor is None:
        body = (entry or b"").partition(b"\n")[2]
        warm.keep(read, subject, position, read.headers["etag"], body, good_for_s)
    return answer


def _answered(read: Read, position: int, entry: bytes) -> Response:
    """An entry is a line with the `Link` header, then the body."""
    link, _, body = entry.partition(b"\n")
    read.stands_for(position)
    if link:
        read.linked(link.decode())
    return read.not_modified() if read.tagged(hashlib.blake2b(body, digest_size=12).hexdigest()) else read.answer(body)


def _subject(read: Read) -> Subject:
    """Of a list that is the same for everyone who may see no more than what is on sale."""
    asked = sorted(read.request.query_params.multi_items())
    return Subject(
        "products:list", hashlib.sha256(json.dumps(asked).encode()).hexdigest(), PROJECTIONS, "products", "changed"
    )


async def _plan(read: Read, wanted: Wanted, window: Window) -> dict[str, Any]:
    sql, values = statement(wanted, window)
    plan = await read.shop.pool.fetch(f"EXPLAIN {sql}", *values)
    return {"statement": sql, "plan": [row[0] for row in plan]}


def _priced(facets: dict[str, Any], currency: str) -> dict[str, Any]:
    if PRICE in facets:
        facets[PRICE] = {**facets[PRICE], "currency": currency}
    return facets


def _tags(request: Request) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """`filter[attr.color]=red` and `filter[attr.color][in]=red,blue`. Raises Problem 422."""
    tags: dict[str, tuple[str, ...]] = {}
    for parameter, given in request.query_params.multi_items():
        match = _TAG.fullmatch(parameter)
        if match is None:
            continue
        values = tuple(given.split(",")) if match[2] else (given,)
        try:
            name = _NAME.validate_python(match[1])
            checked = tuple(_VALUE.validate_python(value) for value in values)
        except ValidationError as error:
            raise invalid(f"?{parameter}", error.errors()[0]["msg"], error.errors()[0]["type"]) from None
        if name in tags:
            raise invalid(f"?{parameter}", "filtered by more than once", "repeated_parameter")
        if len(checked) > VALUES_MAX:
            raise invalid(f"?{parameter}", f"at most {VALUES_MAX} values", "too_long")
        tags[name] = checked
    if len(tags) > FACETS_MAX:
        raise invalid("?filter", f"at most {FACETS_MAX} attributes", "too_long")
    return tuple(sorted(tags.items()))


def _sorts(given: str | None, q: str | None) -> tuple[Sort, ...]:
    if given is None:
        return (Sort("relevance", True),) if q is not None else (Sort("created_at", True),)
    sorts = [Sort(name.removeprefix("-"), name.startswith("-")) for name in given.split(",")]
    names = [sort.name for sort in sorts]
    if len(sorts) > SORTS_MAX or len(set(names)) < len(names) or not set(names) <= set(SORTS):
        raise invalid("?sort", f"up to {SORTS_MAX} of {', '.join(SORTS)}, each once", "unknown_field")
    if "relevance" in names and q is None:
        raise invalid("?sort", "relevance is of a search: give q", "unknown_field")
    # The most relevant come first: nobody means it the other way round.
    return tuple(Sort(sort.name, True) if sort.name == "relevance" else sort for sort in sorts)


def _facets(given: str | None) -> tuple[str, ...]:
    if given is None:
        return ()
    names = given.split(",")
    try:
        for name in names:
            if name not in (CATEGORY, PRICE):
                _NAME.validate_python(name)
    except ValidationError:
        raise invalid("?facets", "names of attributes or options, category, price", "unknown_field") from None
    if len(set(names)) < len(names) or len(names) > FACETS_MAX:
        raise invalid("?facets", f"up to {FACETS_MAX}, each once", "too_long")
    return tuple(names)
