"""The live feed with thousands of idle listeners: what each costs, and how soon all of them hear of a fact."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import cast

import psutil
from pydantic import SecretStr

from api.wiring import Shop, open_shop
from benchmarks.children import child, environment
from benchmarks.figures import Figure
from benchmarks.ground import Ground
from commands.user import ADMIN
from events.claim import NameClaimed
from events.store import Append
from infrastructure.settings import Settings

PEER = "no peer"
APPEND_EVERY_S = 0.25
IDLE_S = 20.0
CONNECTING_AT_ONCE = 64


async def measure(ground: Ground, *, listeners: int) -> list[Figure]:
    """A service in a process of its own, its listeners all in this one, a writer in this one too."""
    appends = 10 if ground.quick else 100
    async with ground.database() as url, _service(ground, url) as (shop, server, port):
        token = shop.access_tokens.issue("usr_bench", "ses_bench", frozenset({ADMIN}))
        before = server.memory_info().rss
        ears = await _connected(port, token, listeners)
        idle_cpu = await _cpu_share(server, 2.0 if ground.quick else IDLE_S)
        each = (server.memory_info().rss - before) / listeners
        delays_ms: list[float] = []
        last_ms: list[float] = []
        cpu_before = _cpu_s(server)
        for n in range(appends):
            began = time.perf_counter()
            done = await shop.store.append(Append([NameClaimed(f"bench-{n}", "bench")]))
            heard = sorted([1_000 * (at - began) for at in await _all_heard(ears, done.position)])
            delays_ms += heard
            last_ms.append(heard[-1])
            await asyncio.sleep(APPEND_EVERY_S)
        cpu_s = _cpu_s(server) - cpu_before
        for ear in ears:
            ear.transport.abort()
    delays_ms.sort()
    each_us = 1e6 * cpu_s / appends / listeners
    name = f"listeners_{listeners}"
    return [
        Figure(f"{name}_memory", "KiB", each / 1_024, PEER, None),
        Figure(f"{name}_idle_cpu", "% of a core", 100 * idle_cpu, PEER, None),
        Figure(f"{name}_cpu", "µs", each_us, PEER, None),
        Figure(name, "ms", median(delays_ms), PEER, None),
        Figure(f"{name}_p99", "ms", delays_ms[int(len(delays_ms) * 0.99)], PEER, None),
        Figure(f"{name}_last", "ms", median(last_ms), PEER, None),
    ]


@asynccontextmanager
async def _service(ground: Ground, url: str) -> AsyncIterator[tuple[Shop, psutil.Process, int]]:
    """`daybook serve`, and a shop on the same settings to write in."""
    with TemporaryDirectory() as data_dir:
        env = environment(ground, url) | {"DAYBOOK_DATA_DIR": data_dir, "DAYBOOK_WORKERS_IN_PROCESS": "false"}
        settings = Settings(
            _env_file=None,
            database_url=SecretStr(url),
            redis_url=SecretStr(ground.redis_url),
            secret_key=SecretStr(env["SECRET_KEY"]),
            master_key=SecretStr(env["MASTER_KEY"]),
            data_dir=Path(data_dir),
        )
        with child("api.cli", "serve", "--port", "0", env=env) as serving:
            port = serving.port_said()
            async with open_shop(settings) as shop:
                yield shop, psutil.Process(serving.process.pid), port


class _Ear(asyncio.Protocol):
    """Remembers when it heard of the position it waits for."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.transport: asyncio.Transport
        self.last = b""
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting_for = b""
        self.heard: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.open.done() and b"retry:" in data:
            self.open.set_result(None)
        if b"id: " in data:
            self.last = data
            self.tell()

    def tell(self) -> None:
        if self.waiting_for and self.waiting_for in self.last and not self.heard.done():
            self.heard.set_result(time.perf_counter())


async def _connected(port: int, token: str, number: int) -> list[_Ear]:
    request = (
        f"GET /v1/events?after=head HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()
    loop, gate = asyncio.get_running_loop(), asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def connect() -> _Ear:
        async with gate:
            _, ear = await loop.create_connection(lambda: _Ear(request), "127.0.0.1", port)
            await ear.open
            return ear

    return list(await asyncio.gather(*(connect() for _ in range(number))))


async def _all_heard(ears: list[_Ear], position: int) -> list[float]:
    for ear in ears:
        ear.waiting_for, ear.heard = b"id: %d\n" % position, asyncio.get_running_loop().create_future()
        ear.tell()
    return list(await asyncio.gather(*(ear.heard for ear in ears)))


async def _cpu_share(process: psutil.Process, seconds: float) -> float:
    """Of one core."""
    before = _cpu_s(process)
    await asyncio.sleep(seconds)
    return (_cpu_s(process) - before) / seconds


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
