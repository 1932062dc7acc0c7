"""Waiting for what comes about in the background, and measuring how long something takes, on a machine of any speed."""

import asyncio
import time
from collections.abc import Awaitable, Callable

PATIENCE_S = 60.0
"""Longer than anything takes, however busy the machine: it is waited out only by what has failed."""
TRIES = 5


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():
            await asyncio.sleep(0.02)


async def takes_less_than(bound_s: float, act: Callable[[], Awaitable[object]]) -> bool:
    """Whether it does at the best of a few tries: other work can hold up any one; what is slow is slow each time."""
    for _ in range(TRIES):
        began = time.monotonic()
        await act()
        if time.monotonic() - began < bound_s:
            return True
    return False
