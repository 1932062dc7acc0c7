"""HEAD wherever GET is (RFC 9110, 9.3.2): the same headers, and no body."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Heads:
    """Pure ASGI. The app sees a GET; one that streams is told that its client has gone once the headers are out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        started, asked = asyncio.Event(), False

        async def received() -> Message:
            nonlocal asked
            if asked:
                await started.wait()
                return {"type": "http.disconnect"}
            asked = True
            return await receive()

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                # From here on it is a HEAD again for the server, which would miss the body, and for the log.
                scope["method"] = "HEAD"
                started.set()
                await send(message)
                await send({"type": "http.response.body", "body": b""})

        scope["method"], scope["only_head"] = "GET", True
        try:
            await self._app(scope, received, headed)
        finally:
            scope["method"] = "HEAD"
