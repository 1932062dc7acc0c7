"""Waiting for what comes about in the background, and measuring how long something takes, on a machine of any speed."""

import asyncio
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence

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


async def takes_as_long(
    ask: Callable[[str], Awaitable[None]], known: Sequence[str], *, times: int, within: Callable[[float], float]
) -> bool:
    """Whether it takes as long for addresses that nobody has, in one of a few rounds: a real difference is in each."""
    for _ in range(TRIES):
        took: dict[bool, list[float]] = {True: [], False: []}
        for n in range(times):
            for exists in (True, False):
                began = time.perf_counter()
                await ask(known[n % len(known)] if exists else f"{secrets.token_hex(8)}@example.com")
                took[exists].append(time.perf_counter() - began)
        with_account, without = (statistics.median(took[exists]) for exists in (True, False))
        if abs(with_account - without) < within(with_account):
            return True
    return False
