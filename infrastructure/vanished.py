"""Notices that the other end of a connection has vanished without a word: its machine is gone, or the network is."""

import asyncio
import contextlib
import socket

ASK_AFTER_S, ASK_EVERY_S = 5, 2
"""Of an end that has been silent for so long the kernel asks whether it is there, so often."""
GONE_AFTER_S = 10
"""One that takes nothing of what it is sent for so long is lost; a busy one may need seconds, as for a COPY."""

# Not every system has all of them.
_OPTIONS = {
    "TCP_KEEPIDLE": ASK_AFTER_S,
    "TCP_KEEPINTVL": ASK_EVERY_S,
    "TCP_KEEPCNT": (GONE_AFTER_S - ASK_AFTER_S) // ASK_EVERY_S + 1,
    "TCP_USER_TIMEOUT": GONE_AFTER_S * 1_000,
}


def notice_when_gone(transport: asyncio.BaseTransport) -> None:
    """Let the kernel end the connection when nobody is there any more; by itself it waits for a quarter of an hour."""
    end = transport.get_extra_info("socket")
    if end is None or end.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with contextlib.suppress(OSError, ValueError):  # it is closed already: uvloop says ValueError
        end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _OPTIONS.items():
            if hasattr(socket, name):
                end.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
