"""What every answer says to browsers, and by which names the service goes."""

import re
from collections.abc import Sequence

Headers = Sequence[tuple[bytes, bytes]]

HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
HEADERS_OF_DATA: Headers = [*HEADERS, (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")]
_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; worker-src blob:; "
_POLICY += "style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS_OF_PAGES: Headers = [*HEADERS, (b"content-security-policy", _POLICY.encode())]
_PAGES = ("/docs", "/redoc")
"""They show the documentation, by scripts that make styles and pictures of their own."""


def headers_for(path: str) -> Headers:
    return HEADERS_OF_PAGES if path.startswith(_PAGES) else HEADERS_OF_DATA


class Hosts:
    def __init__(self, hosts: Sequence[str]) -> None:
        """`hosts` are names as in `Host`, `*.example.com` for all below one; without any, every name is good."""
        patterns = [re.escape(host).replace(r"\*", "[^:]+") for host in hosts]
        self._hosts = re.compile(rf"({'|'.join(patterns)})(:\d+)?", re.IGNORECASE) if hosts else None

    def known(self, host: bytes) -> bool:
        """`host` as it was sent; empty if it was not."""
        return self._hosts is None or self._hosts.fullmatch(host.decode("latin-1")) is not None
