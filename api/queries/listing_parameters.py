"""The parameters of a list of products, and what is refused among them."""

import re
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import Query, Request
from pydantic import StringConstraints, TypeAdapter, ValidationError

from api.fields import MAX_PRICE_MINOR, AttributeName, Currency, Printable, ShortText
from api.problems import invalid
from queries.facets import CATEGORY, PRICE
from queries.listing import SORTS, Sort, Wanted

FACETS_MAX, VALUES_MAX, SORTS_MAX = 10, 50, 3
TAG = re.compile(r"filter\[attr\.([^\]]*)\](\[in\])?")
"""A filter on an attribute or option."""
_NAME: TypeAdapter[str] = TypeAdapter(AttributeName)
_VALUE: TypeAdapter[str] = TypeAdapter(ShortText)

Words = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), Printable]


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
            Literal["", "true"] | None, Query(description="The statement and its plan; for staff, in development mode.")
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
        return replace(self._wanted, status=status, total=total)


def _tags(request: Request) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """`filter[attr.color]=red` and `filter[attr.color][in]=red,blue`. Raises Problem 422."""
    tags: dict[str, tuple[str, ...]] = {}
    for parameter, given in request.query_params.multi_items():
        match = TAG.fullmatch(parameter)
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
