"""A relay in front of a server, to break what cannot be broken in a server that others use; with TLS if asked for."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

SSL_REQUEST = (8).to_bytes(4) + (80_877_103).to_bytes(4)
"""How a client of PostgreSQL asks for TLS; the answer is one letter."""


class Relay:
    """`port` on 127.0.0.1. While `refusing`, new connections are ended at once; while `deaf`, nothing sent is taken."""

    def __init__(self, url: str, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        self._tls = tls if parts.scheme.startswith("postgres") else None
        self._host, self._port = parts.hostname or "", parts.port or 5432
        self._socket = parts.path
        if "host" in (query := parse_qs(parts.query)):
            self._socket = f"{query['host'][0]}/.s.PGSQL.5432"
        self.refusing = self.deaf = False
        self.delay_s = 0.0
        """How long every answer of the server is held back."""
        self.accepted = self.encrypted = 0
        self._doomed: set[asyncio.StreamWriter] = set()
        self.open: set[asyncio.StreamWriter] = set()
        self.port = 0

    def cut(self) -> None:
        """End every connection."""
        for writer in list(self.open):
            writer.transport.abort()

    def doom(self) -> None:
        """End every connection, but none before it is used again: so it is when a server has vanished."""
        self._doomed = set(self.open)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self.refusing or not await self._encrypted(reader, writer):
            writer.transport.abort()
            return
        if self._host:
            answers, asked = await asyncio.open_connection(self._host, self._port)
        else:
            answers, asked = await asyncio.open_unix_connection(self._socket)
        self.open.add(writer)
        back = asyncio.create_task(self._copy(answers, writer))
        try:
            while (data := await reader.read(65_536)) and writer not in self._doomed:
                asked.write(data)
                await asked.drain()
                while self.deaf:
                    await asyncio.sleep(0.01)
        except OSError:
            pass
        finally:
            self.open.discard(writer)
            back.cancel()
            for end in (asked, writer):
                end.transport.abort()

    async def _encrypted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """As PostgreSQL goes over to TLS; false for who does not want to, or does not trust us."""
        if self._tls is None:
            return True
        try:
            if await reader.readexactly(len(SSL_REQUEST)) != SSL_REQUEST:
                return False
            writer.write(b"S")
            await writer.start_tls(self._tls)
        except (OSError, asyncio.IncompleteReadError):
            return False
        self.encrypted += 1
        return True

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def relay(url: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Relay]:
    """To the PostgreSQL or Redis of this URL."""
    between = Relay(url, tls)
    throughout = None if url.startswith("postgres") else tls
    server = await asyncio.start_server(between.serve, "127.0.0.1", 0, ssl=throughout)
    between.port = server.sockets[0].getsockname()[1]
    try:
        yield between
    finally:
        server.close()
        between.cut()
        await asyncio.sleep(0)


def through(between: Relay, url: str) -> str:
    """The same database, by way of the relay."""
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    return f"postgresql://{user}@127.0.0.1:{between.port}{parts.path}?sslmode=disable"
