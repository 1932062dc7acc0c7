"""How often people may ask: counted by class of route, and by user or address; told in the headers of each answer.

What costs most is counted by all processes together, in one round trip to Redis. Commands and queries are counted in
the process that answers them, which costs next to nothing; their limits are there to stop what has run wild. What goes
out from memory before this layer is reached is not counted. Headers: draft-ietf-httpapi-ratelimit-headers-10.
"""

import math

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.problems import Problem
from api.security import principal_of
from api.signing_in import slow_down
from api.wiring import Shop
from infrastructure.limits import Limit, Taken, per_minute
from infrastructure.settings import Settings

SIGN_INS = "/v1/auth/"
COUNTED = "/v1/"


class Limited:
    """Pure ASGI."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._sign_ins = _limit("sign-ins", settings.sign_ins_per_minute)
        self._commands = _limit("commands", settings.commands_per_minute)
        self._queries = _limit("queries", settings.queries_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = self._limit(scope)
        if limit is None:
            await self._app(scope, receive, send)
            return
        shop: Shop = scope["app"].state.shop
        if limit is self._sign_ins:
            taken = await shop.limits.take((limit, _address(scope)))
        else:
            taken = shop.limits.local.take((limit, _whom(scope)))
        headers = _headers(limit, taken)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        if taken.wait_s:
            refusal = slow_down(taken.wait_s)
            refused = problems.answer(
                Request(scope), refusal.status, refusal.code, refusal.detail, headers=refusal.headers
            )
            await refused(scope, receive, told)
        else:
            await self._app(scope, receive, told)

    def _limit(self, scope: Scope) -> Limit | None:
        path: str = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(COUNTED):
            return None
        if scope["method"] in ("GET", "HEAD"):
            return self._queries
        return self._sign_ins if path.startswith(SIGN_INS) else self._commands


def _limit(name: str, times: int) -> Limit | None:
    return per_minute(name, times) if times else None


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""


def _whom(scope: Scope) -> str:
    """The user; for guests, and for who sends a token that is none, the address."""
    try:
        principal = principal_of(Request(scope))
    except Problem:
        principal = None
    return _address(scope) if principal is None else principal.user_id


def _headers(limit: Limit, taken: Taken) -> list[tuple[bytes, bytes]]:
    left, full_in_s = taken.left(limit), math.ceil(taken.full_in_s[0])
    lines = (
        ("RateLimit-Policy", f'"{limit.name}";q={limit.burst};w={limit.window_s}'),
        ("RateLimit", f'"{limit.name}";r={left};t={full_in_s}'),
        ("X-RateLimit-Limit", str(limit.burst)),
        ("X-RateLimit-Remaining", str(left)),
        ("X-RateLimit-Reset", str(full_in_s)),
    )
    return [(name.lower().encode(), value.encode()) for name, value in lines]
