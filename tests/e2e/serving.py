"""The service on a port of its own, as `daybook serve` runs it, and listeners of its feed."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from api.cli.server import Server, server_for, url_of
from api.wiring import open_shop
from events.claim import NameClaimed
from events.store import Append, Metadata
from infrastructure.listening import open_listener
from infrastructure.settings import Settings
from tests.e2e.shop_client import Caller, ShopClient
from tests.waiting import PATIENCE_S

Event = dict[str, Any]


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[ShopClient, Server]]:
    """A shop behind a real socket."""
    with open_listener("127.0.0.1", 0, or_next=False) as listener:
        url = url_of(listener)
        settings = settings.model_copy(update={"public_url": url})
        async with open_shop(settings, workers=settings.workers_in_process) as shop:
            server = server_for(settings, shop)
            task = asyncio.create_task(server.serve(sockets=[listener]))
            while not server.started:
                await asyncio.sleep(0.01)
            many = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(base_url=url, limits=many, timeout=PATIENCE_S) as http:
                app: Any = server.config.app
                yield ShopClient(app, http), server
            server.should_exit = True
            await task


async def note(client: ShopClient, name: str, facts: int = 1, actor: str = "ann", size: int = 0) -> int:
    """Appends facts of about so many bytes each; the position of the last."""
    claims = [NameClaimed(f"{name}-{n}", "x" * size) for n in range(facts)]
    appended = await client.shop.store.append(Append(claims, metadata=Metadata(actor, "Note", f"about-{name}")))
    return appended.position


class Listener:
    """Listens as the standard says: it remembers the last id, and goes on there when it connects again."""

    def __init__(self, caller: Caller, http: httpx.AsyncClient, **asked: str | int) -> None:
        self._caller, self._http, self._asked = caller, http, asked
        self.last_id: int | None = None
        self.events: list[Event] = []
        self.comments = 0
        self.headers: httpx.Headers = httpx.Headers()

    @property
    def positions(self) -> list[int]:
        return [event["position"] for event in self.events]

    async def until(self, position: int, *, drop_after: int | None = None, timeout_s: float = 60) -> None:
        """Listen until it has got so far; with `drop_after` connect anew after so many events each time."""
        async with asyncio.timeout(timeout_s):
            while (self.last_id or 0) < position:
                begun = len(self.events)
                async with contextlib.aclosing(self.listen()) as heard:
                    async for _ in heard:
                        if (self.last_id or 0) >= position or len(self.events) - begun == drop_after:
                            break

    async def listen(self) -> AsyncGenerator[None, None]:
        """Yields after each block that has come."""
        headers = {**self._caller.headers, "Accept": "text/event-stream"}
        if self.last_id is not None:
            headers["Last-Event-ID"] = str(self.last_id)
        async with self._http.stream(
            "GET", "/v1/events", params=self._asked, headers=headers, timeout=httpx.Timeout(60)
        ) as answer:
            assert answer.status_code == 200, await answer.aread()
            self.headers = answer.headers
            data: list[str] = []
            async for line in answer.aiter_lines():
                field, _, value = line.partition(":")
                match field, value.removeprefix(" "):
                    case "id", text:
                        self.last_id = int(text)
                    case "data", text:
                        data.append(text)
                    case "", _ if line:
                        self.comments += 1
                if not line:
                    if data:
                        self.events.append(json.loads("\n".join(data)))
                        assert self.events[-1]["position"] == self.last_id
                    data = []
                    yield
