"""What every query shares: waiting until the read side has seen what the caller has written, and closed parameters."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response

from api.depending import on_the_loop
from api.problems import Problem
from api.wiring import Shop
from infrastructure.positions import HEAD

MAX_WAIT_S = 5.0
DEFAULT_WAIT_S = 2.0
POLL_S = 0.5
MAX_POSITION = 2**62

_POSITION = "SELECT position FROM projections WHERE name = $1"


class Reading:
    """A query's view of the read tables. Call `seen` with the projections it reads before it reads them."""

    def __init__(
        self,
        request: Request,
        response: Response,
        min_position: Annotated[
            int | None,
            Header(ge=0, le=MAX_POSITION, description="Answer only once this `Commit-Position` is in the read tables."),
        ] = None,
        prefer: Annotated[
            str | None, Header(description="`wait=n`: seconds to wait for it, at most 5.", examples=["wait=2"])
        ] = None,
    ) -> None:
        self.shop: Shop = request.app.state.shop
        self.min_position = min_position or 0
        self.request, self._response = request, response
        self._wait_s = wait_seconds(prefer, DEFAULT_WAIT_S)

    async def seen(self, *projections: str, at_least: int = 0) -> int:
        """Wait until all of them are at `Min-Position`, or at `at_least` if that is more, and say in
        `Projection-Position` how far they are. `HEAD` stands for the book itself.

        Raises Problem 503 if that takes too long."""
        wanted = max(self.min_position, at_least)
        deadline = asyncio.get_running_loop().time() + self._wait_s
        reached = min([await self._reached(name, wanted, deadline) for name in projections])
        self.stands_for(reached)
        return reached

    def stands_for(self, position: int) -> None:
        """Say up to which position the answer is complete."""
        self._response.headers["Projection-Position"] = str(position)

    def linked(self, link: str) -> None:
        """Name the pages beside this one."""
        self._response.headers["Link"] = link

    def tagged(self, version: int | str) -> bool:
        """Give the answer its `ETag`; whether the caller has this version already (`If-None-Match`, RFC 9110)."""
        etag = self._response.headers["ETag"] = f'"{version}"'
        known = ",".join(self.request.headers.getlist("if-none-match"))
        return known.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]

    def answer(
        self, body: bytes, media_type: str = "application/json", *, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Bytes as they are, with the headers of a query's answer."""
        return Response(body, headers={**self.headers, **(headers or {})}, media_type=media_type)

    @property
    def headers(self) -> dict[str, str]:
        """Of a query's answer, as far as they are known."""
        return dict(self._response.headers)

    def not_modified(self) -> Response:
        return Response(status_code=304, headers=dict(self._response.headers))

    async def _reached(self, name: str, wanted: int, deadline: float) -> int:
        positions, loop = self.shop.positions, asyncio.get_running_loop()
        is_heard_of = positions[name] > 0
        while positions[name] < max(wanted, 1):
            left_s = deadline - loop.time()
            if is_heard_of and left_s > 0 and await positions.reach(name, wanted, min(POLL_S, left_s)):
                break
            # What this process has not heard of may have happened all the same: the table is asked, seldom.
            positions.advance(name, await self._stored_position(name))
            if positions[name] >= wanted:
                break
            if left_s <= 0:
                detail = f"The read side is at {positions[name]}, not at {wanted} yet."
                raise Problem(503, "projection_behind", detail, position=positions[name])
            is_heard_of = True
        return positions[name]

    async def _stored_position(self, name: str) -> int:
        if name == HEAD:
            return await self.shop.store.head()
        return await self.shop.pool.fetchval(_POSITION, name) or 0


Read = Annotated[Reading, Depends(on_the_loop(Reading))]


async def closed_query(request: Request) -> None:
    """Refuse query parameters that the endpoint does not know, and those given twice, instead of ignoring them."""
    refuse_unknown(request)


def refuse_unknown(request: Request, also: re.Pattern[str] | None = None) -> None:
    """Raises Problem 422. Names that match `also` are known as well."""
    if not request.scope["query_string"]:
        return
    given, known = request.query_params, set(_query_names(request.scope["route"].dependant))
    known |= {name for name in given if also is not None and also.fullmatch(name)}
    errors = [
        *(
            {"pointer": f"?{name}", "code": "unknown_parameter", "message": "unknown"}
            for name in given
            if name not in known
        ),
        *(
            {"pointer": f"?{name}", "code": "repeated_parameter", "message": "given more than once"}
            for name in given
            if name in known and len(given.getlist(name)) > 1
        ),
    ]
    if errors:
        detail = "; ".join(f"{error['pointer']}: {error['message']}" for error in errors[:5])
        raise Problem(422, "validation_failed", detail, errors=errors)


def _query_names(dependant: Any) -> Iterator[str]:
    for field in dependant.query_params:
        yield field.alias
    for below in dependant.dependencies:
        yield from _query_names(below)


def wait_seconds(prefer: str | None, default_s: float) -> float:
    """What `Prefer: wait=n` (RFC 7240) asks for, as far as we go along."""
    match = re.search(r"\bwait=(\d{1,3})\b", prefer or "")
    return min(float(match[1]), MAX_WAIT_S) if match else default_s
