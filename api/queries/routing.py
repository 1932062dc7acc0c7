"""What all routers of queries have in common."""

from typing import Any

from fastapi import APIRouter, Depends

from api.reading import closed_query
from api.straight import StraightRoute


def query_router(prefix: str, tag: str) -> APIRouter:
    """A router whose endpoints refuse parameters that they do not know."""
    return APIRouter(prefix=prefix, tags=[tag], dependencies=[Depends(closed_query)], route_class=StraightRoute)


def shown(example: Any, **others: Any) -> dict[int | str, dict[str, Any]]:
    """What an answer looks like, for the documentation; `others` are further media types, such as `csv`."""
    content = {"application/json": {"example": example}} | {
        f"text/{kind}": {"example": text} for kind, text in others.items()
    }
    return {200: {"content": content}}


def page_of(*rows: Any) -> dict[str, Any]:
    """An example of a list."""
    return {
        "data": list(rows),
        "page": {"next_cursor": "x3J0bHkgYSBrZXksIHNpZ25lZA", "prev_cursor": None, "has_more": True, "limit": 50},
    }
