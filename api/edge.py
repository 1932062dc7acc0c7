"""What happens to every request before it reaches a router: its id, its size limit, its line in the log."""

import math
import re
import time
from collections.abc import Collection, Sequence

import structlog
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from infrastructure.ids import new_id

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_QUIET = ("/health/", "/metrics")

log = structlog.get_logger("daybook.request")


class _TooLarge(Exception):
    """The body is longer than the limit; its sender did not say so beforehand."""


class Edge:
    """Pure ASGI, since it stands around every request, streams included."""

    def __init__(self, app: ASGIApp, *, body_limit_bytes: int, streamed: Collection[str] = ()) -> None:
        """`streamed` are paths whose bodies are read piece by piece, and so may be of any length."""
        self._app, self._limit, self._streamed = app, body_limit_bytes, streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request_id = request_id_of(scope["headers"])
        scope["request_id"] = request_id
        started, status, sent, received = time.perf_counter(), 500, False, 0
        limit = math.inf if scope["path"] in self._streamed else self._limit
        too_large = _declared(headers.get(b"content-length", b"0")) > limit

        async def limited() -> Message:
            nonlocal received, too_large
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > limit:
                    too_large = True
                    raise _TooLarge
            return message

        async def marked(message: Message) -> None:
            nonlocal status, sent
            if too_large and not sent and message.get("status") != 413:
                return  # the app's words about a body that it was not given to the end
            if message["type"] == "http.response.start":
                status, sent = message["status"], True
                message["headers"] = [*message.get("headers", ()), (b"request-id", request_id.encode())]
            await send(message)

        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        if traceparent := trace_of(scope["headers"]):
            structlog.contextvars.bind_contextvars(trace_id=traceparent.split("-")[1])
        try:
            if not too_large:
                await self._app(scope, limited, marked)
            if too_large and not sent:
                await self._problem(scope, receive, marked, 413, "payload_too_large", f"At most {self._limit} bytes.")
        except Exception:
            log.exception("request_failed", path=scope["path"])
            if sent:
                raise
            detail = "Something went wrong on our side; the request id finds it in the logs."
            await self._problem(scope, receive, marked, 500, "internal_error", detail)
        finally:
            took_ms = round((time.perf_counter() - started) * 1_000, 1)
            write = log.debug if scope["path"].startswith(_QUIET) else log.info
            write("request", method=scope["method"], path=scope["path"], status=status, took_ms=took_ms)

    async def _problem(self, scope: Scope, receive: Receive, send: Send, status: int, code: str, detail: str) -> None:
        await problems.answer(Request(scope), status, code, detail)(scope, receive, send)


def _declared(length: bytes) -> int:
    return int(length) if length.isdigit() and len(length) < 19 else 0


def request_id_of(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """The caller's own, if it is a decent one, or a new one."""
    for name, value in reversed(headers):
        if name == b"request-id":
            given = value.decode("latin-1")
            return given if _REQUEST_ID.fullmatch(given) else new_id("req")
    return new_id("req")


def trace_of(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """A well-formed W3C `traceparent`, or nothing."""
    for name, value in headers:
        if name == b"traceparent" and re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", value):
            return value.decode()
    return ""
