"""The limits of the live feed: too many listeners, too slow ones, and an end that none of them holds up."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from api import sse
from api.cli.server import DRAIN_S, Server
from infrastructure.codec import StoredFact
from infrastructure.ring import Wanted
from infrastructure.settings import Settings
from tests.e2e.serving import Listener, note, serving
from tests.e2e.shop_client import Caller, ShopClient
from tests.kinds import EMBEDDED_ALONE
from tests.waiting import eventually

pytestmark = EMBEDDED_ALONE


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(settings: Settings) -> AsyncIterator[ShopClient]:
    async with serving(settings.model_copy(update={"workers_in_process": False})) as (client, _):
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(served: ShopClient) -> Caller:
    return await served.admin()


async def test_there_is_room_for_so_many_listeners(
    served: ShopClient, admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    tail = served.shop.tail
    await eventually(lambda: _nobody_listens(served))
    monkeypatch.setattr(tail, "listeners_max", 2)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(2):
            heard = Listener(admin, served.http).listen()
            await stack.enter_async_context(contextlib.aclosing(heard))
            await anext(heard)
        full = await admin.request("GET", "/v1/events", headers={"Accept": "text/event-stream"})
        assert (full.status_code, full.json()["code"]) == (503, "unavailable")
        assert full.headers["Retry-After"] == "1"
    await eventually(lambda: _nobody_listens(served))  # those who go make room


async def _nobody_listens(served: ShopClient) -> bool:
    return served.shop.tail.listeners == 0


async def test_a_stream_lasts_as_long_as_a_token_is_good_for(settings: Settings, admin: Caller) -> None:
    async with serving(settings.model_copy(update={"workers_in_process": False})) as (client, _):
        follow = client.shop.tail.follow
        with client.shop.tail.seat():
            head = await client.shop.store.head()
            pages = [page async for page in follow(head, Wanted(), heartbeat_s=0.1, last_s=0.75)]
    assert [page.facts for page in pages] == [()] * len(pages)
    assert 1 <= len(pages) <= 8


async def test_nothing_is_kept_for_a_consumer_that_does_not_read(
    served: ShopClient, admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = 0

    def counted(fact: StoredFact) -> bytes:
        nonlocal encoded
        encoded += len(frame := sse.frame(fact))
        return frame

    start = await served.shop.store.head()
    for n in range(40):
        await note(served, f"big-{n}", 20, size=20_000)
    size = 40 * 20 * 20_000
    monkeypatch.setattr(served.shop.tail, "_encode", counted)
    with socket.create_connection((served.http.base_url.host, served.http.base_url.port)) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        lazy.sendall(_request(admin, start))
        taken = 0
        while taken == 0 or encoded != taken:  # until nothing more is taken
            taken = encoded
            await asyncio.sleep(0.5)
        assert taken < size * 0.8  # what the sockets hold, a page in the making and one on its way
        lively = Listener(admin, served.http, after=start)
        await lively.until(start + 800)
        assert len(lively.events) == 800


async def test_a_thousand_idle_listeners_share_one_reader(
    served: ShopClient, admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await eventually(lambda: _nobody_listens(served))
    number, ask = 1_000, _request(admin, await served.shop.store.head())
    reads = 0
    read_head, read_facts = served.shop.store.head, served.shop.store.stored_all

    async def counted_head() -> int:
        nonlocal reads
        reads += 1
        return await read_head()

    async def counted_facts(after: int, **asked: Any) -> Sequence[StoredFact]:
        nonlocal reads
        reads += 1
        return await read_facts(after, **asked)

    async def open_stream() -> asyncio.StreamReader:
        while True:
            reader, writer = await asyncio.open_connection(served.http.base_url.host, served.http.base_url.port)
            stack.callback(writer.close)
            writer.write(ask)
            if b" 200 " in await reader.readline():
                await reader.readuntil(b"\nretry: ")
                return reader  # the others were told to come back: a thousand at once may wait too long for the head

    async with contextlib.AsyncExitStack() as stack:
        streams = await asyncio.gather(*(open_stream() for _ in range(number)))
        assert served.shop.tail.listeners == number
        monkeypatch.setattr(served.shop.tail, "_past", None)  # nobody reads for itself from here on
        monkeypatch.setattr(served.shop.store, "head", counted_head)
        monkeypatch.setattr(served.shop.store, "stored_all", counted_facts)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(2)
        assert reads <= 1 + (loop.time() - began)  # the floor: one look at the head each second
        positions = [await note(served, f"all-{n}") for n in range(3)]
        async with asyncio.timeout(60):
            for position in positions:
                await asyncio.gather(*(stream.readuntil(b"id: %d\n" % position) for stream in streams))
        assert reads <= 8 + (loop.time() - began)
    await eventually(lambda: _nobody_listens(served))


def _request(caller: Caller, after: int) -> bytes:
    return (
        f"GET /v1/events?after={after} HTTP/1.1\r\nHost: shop.test\r\nAccept: text/event-stream\r\n"
        f"Authorization: {caller.headers['Authorization']}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("reads", [True, False], ids=["whoever reads", "whoever does not"])
async def test_open_streams_do_not_hold_up_the_end(settings: Settings, reads: bool) -> None:
    server: Server
    async with serving(settings.model_copy(update={"workers_in_process": False})) as (client, server):
        admin = await client.admin()
        await note(client, "end", 1_000, size=10_000)
        if reads:
            listener = Listener(admin, client.http, after="head")
            listening = asyncio.create_task(listener.until(2**60))
            await eventually(lambda: _somebody_listens(client))
        lazy = await asyncio.open_connection(client.http.base_url.host, client.http.base_url.port, limit=1_024)
        lazy[1].transport.pause_reading()  # type: ignore[attr-defined]
        if not reads:
            lazy[1].write(_request(admin, 0))
            await eventually(lambda: _somebody_listens(client))
        loop = asyncio.get_running_loop()
        began = loop.time()
        server.should_exit = True
        while server.server_state.connections or server.server_state.tasks:
            await asyncio.sleep(0.05)
            assert loop.time() - began < DRAIN_S
        lazy[1].close()
        if reads:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def _somebody_listens(client: ShopClient) -> bool:
    return client.shop.tail.listeners > 0
