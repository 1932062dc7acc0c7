"""What those around a request read out of its ASGI scope."""

import re
from collections.abc import Mapping

from starlette.types import Scope

from infrastructure.ids import new_id

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,100}")
_TRACEPARENT = re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def sent_headers(scope: Scope) -> Mapping[bytes, bytes]:
    """By name, in lower case; of a header that was sent twice, the first. Looked through once a request."""
    if "sent_headers" not in scope:
        scope["sent_headers"] = dict(reversed(scope["headers"]))
    found: Mapping[bytes, bytes] = scope["sent_headers"]
    return found


def request_id_of(scope: Scope) -> str:
    """The caller's own, if it is a decent one, or a new one."""
    given = sent_headers(scope).get(b"request-id")
    return given.decode() if given is not None and _REQUEST_ID.fullmatch(given) else new_id("req")


def trace_of(scope: Scope) -> str:
    """A well-formed W3C `traceparent`, or nothing."""
    given = sent_headers(scope).get(b"traceparent")
    return given.decode() if given is not None and _TRACEPARENT.fullmatch(given) else ""
