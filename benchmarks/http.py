"""An HTTP/1.1 client that costs next to nothing, so that it is the service that is measured."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import msgspec


class Answer(NamedTuple):
    """Header names are in lower case; the body is decoded JSON, or None where there is none."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Connection:
    """One kept-alive connection, for one caller at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader, self._writer, self._host = reader, writer, host
        self.requests = 0

    async def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """JSON in and out; underscores in header names become hyphens. Raises ConnectionError when it is hung up."""
        status, answered, content = await self.exchange(method, path, body, **headers)
        return Answer(status, answered, msgspec.json.decode(content) if content else None)

    async def exchange(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        """The same with the answer's body as it is."""
        content = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        given = {"Host": self._host, "Content-Type": "application/json", "Content-Length": str(len(content))}
        for name, value in headers.items():
            given[name.replace("_", "-")] = value
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "\r\n"]
        self._writer.write("\r\n".join(lines).encode() + content)
        self.requests += 1
        try:
            return await self._answer()
        except asyncio.IncompleteReadError as error:
            raise ConnectionError("the service hung up") from error

    async def _answer(self) -> tuple[int, Mapping[str, str], bytes]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        content = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return int(head[0].split()[1]), headers, content


@contextlib.asynccontextmanager
async def connected(host: str, port: int) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield Connection(reader, writer, f"{host}:{port}")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
