"""A listening socket taken before the server starts, so that a port that was free cannot be lost in between."""

import errno
import resource
import socket
from contextlib import suppress

NEXT_PORTS_TRIED = 50
OTHER_FILES = 1_024
TAKES_NOTHING_MS = 60_000
"""A client that has been sent something and takes none of it for so long is cut off, wherever it is stuck."""
KEEP_ALIVE_S = 75
"""How long an idle connection is kept. Longer than proxies and clients keep theirs (nginx and AWS: 60), so that it is
they who hang up: who is hung up on in the moment of asking cannot know whether it was heard."""


def open_listener(host: str, port: int, *, or_next: bool) -> socket.socket:
    """Bind `host:port`; with `or_next` the next free port above it, when it is taken. Hand it to uvicorn's `sockets`.

    Raises:
        OSError: the port is taken (and, with `or_next`, so are the next fifty), or the host is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port, min(port + (NEXT_PORTS_TRIED if or_next and port else 0), 65_535) + 1):
        listener = socket.socket(family, socket.SOCK_STREAM)
        # Lets a restart take the port of connections that are still closing; a live listener still refuses it.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Handed down too: asyncio forgets it on sockets that it has not made, and each answer would wait for 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; handed down to every connection
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TAKES_NOTHING_MS)
        try:
            listener.bind((host, candidate))
            listener.listen(2_048)
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE or not or_next:
                raise OSError(error.errno, f"{host}:{candidate} cannot be listened on: {error.strerror}") from None
        else:
            listener.set_inheritable(True)
            return listener
    raise OSError(errno.EADDRINUSE, f"no port from {port} to {port + NEXT_PORTS_TRIED} is free on {host}")


def allow_connections(number: int) -> None:
    """Let this process have so many open at once, as far as the system lets it; beside them come files of its own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number + OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        with suppress(ValueError, OSError):  # "infinite" is not meant everywhere
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
