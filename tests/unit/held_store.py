"""An event store for tests in which every append waits until it is let go, or made to fail."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping

from events import Event
from events.store import Append, Appended
from infrastructure.memory_store import MemoryEventStore


class HeldStore(MemoryEventStore):
    """Appends go through at once unless `hold` is set; then each waits for `let_go`. `meanwhile` happens once, just
    before versions are told."""

    def __init__(self) -> None:
        super().__init__()
        self.hold = False
        self.asked: list[Append] = []
        self.versions_asked = 0
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        self._turns: deque[asyncio.Future[Exception | None]] = deque()

    async def append(self, append: Append) -> Appended:
        self.asked.append(append)
        if self.hold:
            turn: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
            self._turns.append(turn)
            if (error := await turn) is not None:
                raise error
        return await super().append(append)

    async def happened_elsewhere(self, *events: Event) -> Appended:
        """Another process has appended these."""
        return await super().append(Append(events))

    async def versions(self, streams: Collection[str]) -> Mapping[str, int]:
        self.versions_asked += 1
        await settled()
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return await super().versions(streams)

    async def let_go(self, error: Exception | None = None) -> None:
        """The append that has waited longest goes on, or fails with `error`; the next to come if none waits yet."""
        async with asyncio.timeout(60):
            while not self._turns:
                await asyncio.sleep(0)
        self._turns.popleft().set_result(error)
        await settled()


async def settled() -> None:
    """Let all other tasks run until they wait for something."""
    for _ in range(20):
        await asyncio.sleep(0)
