"""Lists page by page: signed cursors that carry the key of a row, good for one list, one set of filters, one caller."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from urllib.parse import quote, urlencode

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from api.depending import on_the_loop
from api.problems import Problem
from api.wiring import Shop
from queries.rows import Ends, Key, Listing, Window

T = TypeVar("T")

DEFAULT_LIMIT, MAX_LIMIT = 50, 100
_MAC_BYTES = 16
_NOT_FILTERS = ("cursor", "limit", "include")
_DECODERS: dict[str, Callable[[Any], Any]] = {"timestamptz": datetime.fromisoformat, "date": date.fromisoformat}

Cursor = Annotated[str | None, Query(max_length=1_000, description="From `page` of an earlier answer, as it is.")]


class PageInfo(BaseModel):
    """A cursor is null where the list ends; `has_more` says whether it goes on behind this page."""

    next_cursor: Annotated[str | None, Field(examples=["x3J0bHkgYSBrZXksIHNpZ25lZA"])]
    prev_cursor: str | None
    has_more: bool
    limit: int
    total: Annotated[int | None, Field(exclude_if=lambda total: total is None, description="With `include=total`.")] = (
        None
    )


class Page(BaseModel, Generic[T]):
    data: list[T]
    page: PageInfo


class Pages:
    """Reads one page of a listing. `caller` keeps the cursors of one caller's list from another's."""

    def __init__(self, request: Request, response: Response, limit: int, cursor: str | None, *, total: bool) -> None:
        self._request, self._response = request, response
        self._limit, self._cursor, self.total = limit, cursor, total
        self._shop: Shop = request.app.state.shop

    async def read(
        self, listing: Listing, filters: Mapping[str, Any], *fixed: Any, caller: str = ""
    ) -> tuple[list[Any], PageInfo]:
        """The rows of the page, and what stands beside them; sets `Link`. Raises Problem 400 for a bad cursor."""
        filters = {name: value for name, value in filters.items() if value is not None}
        part = await listing.part(self._shop.pool, self.window(listing.key, caller), filters, *fixed)
        total = await listing.total(self._shop.pool, filters, *fixed) if self.total else None
        return list(part.rows), self.shown(part, total, caller)

    def window(self, key: Mapping[str, str], caller: str = "") -> Window:
        """Where the page lies in a list of this key. Raises Problem 400 for a bad cursor."""
        if self._cursor is None:
            return Window(self._limit)
        return Window(self._limit, *self._opened(self._scope(caller), key))

    def shown(self, part: Ends, total: int | None, caller: str = "") -> PageInfo:
        """What stands beside the rows; sets `Link`."""
        scope = self._scope(caller)
        info = PageInfo(
            next_cursor=self._sealed(scope, part.next, backwards=False),
            prev_cursor=self._sealed(scope, part.previous, backwards=True),
            has_more=part.next is not None,
            limit=self._limit,
            total=total,
        )
        self._link(info)
        return info

    def _scope(self, caller: str) -> str:
        given = [(name, value) for name, value in self._request.query_params.multi_items() if name not in _NOT_FILTERS]
        return json.dumps([self._request.scope["path"], caller, sorted(given)])

    def _sealed(self, scope: str, key: Key | None, *, backwards: bool) -> str | None:
        if key is None:
            return None
        plain = [value.isoformat() if isinstance(value, date) else value for value in key]
        content = json.dumps([backwards, *plain]).encode()
        return base64.urlsafe_b64encode(self._mac(scope, content) + content).decode().rstrip("=")

    def _opened(self, scope: str, key: Mapping[str, str]) -> tuple[Key, bool]:
        refusal = Problem(400, "invalid_cursor", "This cursor is not one of ours, or belongs to another list.")
        assert self._cursor is not None
        try:
            sealed = base64.b64decode(self._cursor + "=" * (-len(self._cursor) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise refusal from None
        mac, content = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(scope, content)):
            raise refusal
        backwards, *plain = json.loads(content)
        typed = zip(key.values(), plain, strict=True)
        return tuple(_DECODERS[kind](value) if kind in _DECODERS else value for kind, value in typed), backwards

    def _mac(self, scope: str, content: bytes) -> bytes:
        secret = self._shop.settings.signing_key().encode()
        return hmac.digest(secret, b"cursor\n" + scope.encode() + b"\n" + content, hashlib.sha256)[:_MAC_BYTES]

    def _link(self, info: PageInfo) -> None:
        path, query = quote(self._request.scope["path"]), self._request.query_params.multi_items()
        kept = [(name, value) for name, value in query if name != "cursor"]
        links = [
            f'<{path}?{urlencode([*kept, ("cursor", cursor)])}>; rel="{rel}"'
            for rel, cursor in (("next", info.next_cursor), ("prev", info.prev_cursor))
            if cursor is not None
        ]
        if links:
            self._response.headers["Link"] = ", ".join(links)


class Paging(Pages):
    """The parameters that every list takes."""

    def __init__(
        self,
        request: Request,
        response: Response,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
        cursor: Cursor = None,
        include: Annotated[Literal["total"] | None, Query(description="`total` counts the whole list.")] = None,
    ) -> None:
        super().__init__(request, response, limit, cursor, total=include == "total")

    async def __call__(
        self, listing: Listing, filters: Mapping[str, Any], show: Callable[[Any], T], *, caller: str = ""
    ) -> Page[T]:
        rows, info = await self.read(listing, filters, caller=caller)
        return Page(data=[show(row) for row in rows], page=info)


Listed = Annotated[Paging, Depends(on_the_loop(Paging))]
