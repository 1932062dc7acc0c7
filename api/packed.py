"""Answers that are worth it go out compressed to those who take that."""

from starlette.middleware.gzip import GZipResponder, IdentityResponder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.scopes import sent_headers
from infrastructure.near_cache import COMPRESSED_FROM_BYTES


class Packed:
    """Pure ASGI. Starlette does it; most answers tell by their length that there is nothing for it to do."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = send

        async def packed(message: Message) -> None:
            nonlocal sending
            if message["type"] == "http.response.start" and not _is_short(message):
                takes_gzip = b"gzip" in sent_headers(scope).get(b"accept-encoding", b"")
                responder = (GZipResponder if takes_gzip else IdentityResponder)(self._app, COMPRESSED_FROM_BYTES)
                responder.send, sending = send, responder.send_with_compression
            await sending(message)

        await self._app(scope, receive, packed)


def _is_short(start: Message) -> bool:
    return any(
        name == b"content-length" and int(value) < COMPRESSED_FROM_BYTES for name, value in start.get("headers", ())
    )
