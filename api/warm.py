"""Answers for guests that are in memory go out before anything else is looked at; all others take the long way.

What is kept is what the long way has answered, for the same path and query, to someone who was nobody in particular.
So there is nothing to check here but what the request adds: what it knows already, and how far it wants to see.
They are counted like all others, and have a line in the log only where it tells everything (`debug`).
"""

import logging
from types import SimpleNamespace

from starlette.types import Scope, Send

from api.hygiene import HEADERS_OF_DATA
from api.limited import Limited
from api.reading import Reading
from api.wiring import Shop
from infrastructure.answers import Answer, Subject
from infrastructure.near_cache import NearAnswer

PREFIX = "/v1/products"
log = logging.getLogger("daybook.request")

_JSON = (b"content-type", b"application/json")
_VARY = (b"vary", b"Accept-Encoding")
_GZIP = (b"content-encoding", b"gzip")


async def answered(scope: Scope, send: Send, limited: Limited) -> bool:
    """Whether this was answered from memory."""
    if scope["method"] != "GET" or not scope["path"].startswith(PREFIX):
        return False
    asked = _asked(scope)
    if asked is None:
        return False
    at_least, known, takes_gzip = asked
    shop: Shop = scope["app"].state.shop
    found = shop.near.find((scope["path"], scope["query_string"]), at_least)
    if found is None:
        return False
    position, answer = found
    shop.metrics.cache_read(answer.kind, "near")
    scope["route"] = _ROUTES[answer.route]
    if log.isEnabledFor(logging.DEBUG):
        log.debug("answered %s from memory, request %s", scope["path"], scope["request_id"])
    own = [(b"projection-position", b"%d" % position), (b"request-id", scope["request_id"].encode())]
    headers = [*answer.headers, *own, *limited.seen(scope, shop), *HEADERS_OF_DATA]
    await _sent(send, answer, headers, known=_knows(known, answer.etag), takes_gzip=takes_gzip)
    return True


def keep(read: Reading, subject: Subject, made: Answer, etag: str, body: bytes) -> None:
    """Keep what a guest is answered for the next one who asks the same; `body` is what is shown of what was `made`."""
    scope = read.request.scope
    link = read.headers.get("link")
    answer = NearAnswer(
        subject.changes_of,
        subject.changes,
        scope["route"].path,
        made.position,
        made.generation,
        tuple(subject.projections),
        etag.encode(),
        [_JSON, (b"etag", etag.encode()), *([(b"link", link.encode())] if link else [])],
        body,
    )
    _ROUTES.setdefault(answer.route, SimpleNamespace(path=answer.route))
    read.shop.near.keep((scope["path"], scope["query_string"]), answer, made.good_for_s)


_ROUTES: dict[str, SimpleNamespace] = {}
"""By template, for those who count requests by route."""


def _asked(scope: Scope) -> tuple[int, bytes, bool] | None:
    """From which position on, what is known already, and whether gzip is welcome. None: that is for the long way."""
    at_least, known, takes_gzip = 0, b"", False
    for name, value in scope["headers"]:
        if name == b"authorization":
            return None
        if name == b"min-position":
            if not value.isdigit() or len(value) > 18:
                return None
            at_least = int(value)
        elif name == b"if-none-match":
            known += b"," + value
        elif name == b"accept-encoding":
            takes_gzip = b"gzip" in value
    return at_least, known, takes_gzip


def _knows(known: bytes, etag: bytes) -> bool:
    if not known:
        return False
    tags = [tag.strip().removeprefix(b"W/") for tag in known.split(b",")]
    return etag in tags or known.strip(b", ") == b"*"


async def _sent(
    send: Send, answer: NearAnswer, headers: list[tuple[bytes, bytes]], *, known: bool, takes_gzip: bool
) -> None:
    body = answer.body
    if known:
        await send({"type": "http.response.start", "status": 304, "headers": headers[1:]})
        await send({"type": "http.response.body", "body": b""})
        return
    if answer.is_compressible:
        headers.append(_VARY)
        if takes_gzip:
            body = answer.compressed()
            headers.append(_GZIP)
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
