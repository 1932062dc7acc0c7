"""How often people may ask: counted by class of route, and by user or address; told in the headers of each answer.

What costs most is counted by all processes together, in one round trip to Redis. Commands and queries are counted in
the process that answers them, which costs next to nothing; their limits are there to stop what has run wild. What goes
out from memory before this layer is reached is not counted, and only says how many are left. Headers:
draft-ietf-httpapi-ratelimit-headers-10.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from fastapi import Request
from starlette.types import Scope

from api.problems import Problem
from api.security import principal_of
from api.wiring import Shop
from infrastructure.limits import Limit, Taken, per_minute
from infrastructure.settings import Settings

SIGN_INS = "/v1/auth/"
COUNTED = "/v1/"

Headers = Sequence[tuple[bytes, bytes]]


class Counted(NamedTuple):
    """Seconds to wait, or 0 for who may ask now; and what the answer says of it."""

    wait_s: float
    headers: Headers


NOT_COUNTED = Counted(0.0, [])


class Limited:
    def __init__(self, settings: Settings) -> None:
        self._sign_ins = _Told.of("sign-ins", settings.sign_ins_per_minute)
        self._commands = _Told.of("commands", settings.commands_per_minute)
        self._queries = _Told.of("queries", settings.queries_per_minute)

    async def counted(self, scope: Scope, shop: Shop) -> Counted:
        told = self._limit(scope)
        if told is None:
            return NOT_COUNTED
        if told is self._sign_ins:
            taken = await shop.limits.take((told.limit, _address(scope)))
        else:
            taken = shop.limits.local.take((told.limit, _whom(scope)))
        return Counted(taken.wait_s, told.headers(taken))

    def seen(self, scope: Scope, shop: Shop) -> Headers:
        """What the answer to a guest's query says when it is not counted."""
        told = self._queries
        return [] if told is None else told.headers(shop.limits.local.seen(told.limit, _address(scope)))

    def _limit(self, scope: Scope) -> "_Told | None":
        path: str = scope["path"]
        if not path.startswith(COUNTED):
            return None
        if scope["method"] in ("GET", "HEAD"):
            return self._queries
        return self._sign_ins if path.startswith(SIGN_INS) else self._commands


class _Told(NamedTuple):
    """A limit, and those headers that always say the same of it."""

    limit: Limit
    always: Headers

    @staticmethod
    def of(name: str, times: int) -> "_Told | None":
        """None is no limit."""
        if not times:
            return None
        limit = per_minute(name, times)
        policy = f'"{limit.name}";q={limit.burst};w={limit.window_s}'.encode()
        return _Told(limit, [(b"ratelimit-policy", policy), (b"x-ratelimit-limit", b"%d" % limit.burst)])

    def headers(self, taken: Taken) -> Headers:
        left, full_in_s = taken.left(self.limit), math.ceil(taken.full_in_s[0])
        return [
            *self.always,
            (b"ratelimit", b'"%b";r=%d;t=%d' % (self.limit.name.encode(), left, full_in_s)),
            (b"x-ratelimit-remaining", b"%d" % left),
            (b"x-ratelimit-reset", b"%d" % full_in_s),
        ]


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""


def _whom(scope: Scope) -> str:
    """The user; for guests, and for who sends a token that is none, the address."""
    try:
        principal = principal_of(Request(scope))
    except Problem:
        principal = None
    return _address(scope) if principal is None else principal.user_id
