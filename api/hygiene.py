"""What every answer says to browsers, and that requests for other hosts are turned away."""

import re
from collections.abc import Sequence

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.edge import request_id_of

HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_PAGES = ("/docs", "/redoc")
"""They load what shows the documentation from elsewhere."""


class Hygiene:
    """Pure ASGI."""

    def __init__(self, app: ASGIApp, *, hosts: Sequence[str]) -> None:
        """`hosts` are names as in `Host`, `*.example.com` for all below one; without any, every name is good."""
        self._app = app
        patterns = [re.escape(host).replace(r"\*", "[^:]+") for host in hosts]
        self._hosts = re.compile(rf"({'|'.join(patterns)})(:\d+)?", re.IGNORECASE) if hosts else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = HEADERS if scope["path"].startswith(_PAGES) else [*HEADERS, _POLICY]
                message["headers"] = [*message.get("headers", ()), *more]
            await send(message)

        if self._hosts is not None and not self._hosts.fullmatch(_host(scope)):
            scope["request_id"] = request_id = request_id_of(scope["headers"])
            detail, headers = "This service does not go by that name.", {"Request-Id": request_id}
            refused = problems.answer(Request(scope), 400, "bad_request", detail, headers=headers)
            await refused(scope, receive, told)
            return
        await self._app(scope, receive, told)


def _host(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
