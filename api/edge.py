"""What happens to every request before it reaches a router, and to every answer on its way out, in one layer.

Its id, its host, its size limit, how often its sender may ask, what browsers are told, its line in the log. Answers
from memory go out before most of this.
"""

import math
import time
from collections.abc import Collection

import structlog
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import hygiene, problems, warm
from api.heads import Heads
from api.limited import NOT_COUNTED, Limited
from api.packed import Packed
from api.scopes import request_id_of, sent_headers, trace_of
from api.signing_in import slow_down
from infrastructure.log import bind_request
from infrastructure.setting_forms import listed
from infrastructure.settings import Settings

_QUIET = ("/health/", "/metrics")

log = structlog.get_logger("daybook.request")


class _TooLarge(Exception):
    """The body is longer than the limit; its sender did not say so beforehand."""


class Edge:
    """Pure ASGI, since it stands around every request, streams included."""

    def __init__(self, app: ASGIApp, settings: Settings, *, streamed: Collection[str] = ()) -> None:
        """`streamed` are paths whose bodies are read piece by piece, and so may be of any length."""
        self._app = Packed(app)
        self._headed, self._streamed = Heads(self._app), streamed
        self._body_limit = settings.request_body_limit_bytes
        self._hosts, self._limited = hygiene.Hosts(listed(settings.allowed_hosts)), Limited(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = request_id = request_id_of(scope)
        if not self._hosts.known(sent_headers(scope).get(b"host", b"")):
            await self._refused(scope, receive, send)
        elif not await warm.answered(scope, send, self._limited):
            bind_request(request_id, trace_of(scope)[3:35])
            await self._asked(scope, receive, send)

    async def _asked(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, shop, started = scope["path"], scope["app"].state.shop, time.perf_counter()
        status, sent, received, counted = 500, False, 0, NOT_COUNTED
        limit = math.inf if path in self._streamed else self._body_limit
        declared = _declared(scope)
        too_large = declared is not None and declared > limit

        async def limited() -> Message:
            nonlocal received, too_large
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > limit:
                    too_large = True
                    raise _TooLarge
            return message

        async def told(message: Message) -> None:
            nonlocal status, sent
            if too_large and not sent and message.get("status") != 413:
                return  # the app's words about a body that it was not given to the end
            if message["type"] == "http.response.start":
                status, sent = message["status"], True
                message["headers"] = [*message.get("headers", ()), *counted.headers, *_own_headers(scope)]
            await send(message)

        try:
            if not too_large:
                counted = await self._limited.counted(scope, shop)
                if counted.wait_s:
                    await problems.answer_of(Request(scope), slow_down(counted.wait_s))(scope, receive, told)
                else:
                    app = self._headed if scope["method"] == "HEAD" else self._app
                    await app(scope, receive if declared is not None else limited, told)
            if too_large and not sent:
                detail = f"At most {self._body_limit} bytes."
                await problems.answer(Request(scope), 413, "payload_too_large", detail)(scope, receive, told)
        except Exception:
            log.exception("request_failed", path=path)
            if sent:
                raise
            detail = "Something went wrong on our side; the request id finds it in the logs."
            await problems.answer(Request(scope), 500, "internal_error", detail)(scope, receive, told)
        finally:
            took_ms = round((time.perf_counter() - started) * 1_000, 1)
            write = log.debug if path.startswith(_QUIET) else log.info
            write("request", method=scope["method"], path=path, status=status, took_ms=took_ms)

    async def _refused(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in _own_headers(scope)}
        detail = "This service does not go by that name."
        await problems.answer(Request(scope), 400, "bad_request", detail, headers=headers)(scope, receive, send)


def _own_headers(scope: Scope) -> hygiene.Headers:
    return [(b"request-id", scope["request_id"].encode()), *hygiene.headers_for(scope["path"])]


def _declared(scope: Scope) -> float | None:
    """How many bytes of body are to come. None if that is not said, so that they must be counted; else the server sees
    to it that there are no more."""
    given = sent_headers(scope)
    length = given.get(b"content-length", b"")
    if not length.isdigit() or b"transfer-encoding" in given:
        return None
    return int(length) if len(length) < 19 else math.inf
