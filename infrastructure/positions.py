"""How far the book and each projection are known to be, and waiting until they are further."""

import asyncio
from collections import defaultdict

HEAD = "head"


class Positions:
    """Known positions by name; they only grow, until what is known of projections is `forgotten`. Waiters are woken,
    never polled. Belongs to one event loop."""

    def __init__(self) -> None:
        self._known: dict[str, int] = defaultdict(int)
        self._waiting: dict[str, set[tuple[int, asyncio.Future[None]]]] = defaultdict(set)

    def __getitem__(self, name: str) -> int:
        return self._known[name]

    def advance(self, name: str, position: int) -> None:
        if position <= self._known[name]:
            return
        self._known[name] = position
        for wanted, reached in self._waiting[name]:
            if wanted <= position and not reached.done():
                reached.set_result(None)

    def forgotten(self) -> None:
        """The server may have crashed, which may put projections back, and never the head."""
        self._known = defaultdict(int, {HEAD: self._known[HEAD]})

    async def reach(self, name: str, position: int, timeout_s: float) -> bool:
        """Wait until `name` is known to be at `position`; False if that has not happened in time."""
        if self._known[name] >= position:
            return True
        waiter = position, asyncio.get_running_loop().create_future()
        self._waiting[name].add(waiter)
        try:
            # Not `wait_for`: in Python 3.11 it loses a cancellation that comes together with the result.
            async with asyncio.timeout(timeout_s):
                await waiter[1]
        except TimeoutError:
            return False
        finally:
            self._waiting[name].discard(waiter)
        return True
