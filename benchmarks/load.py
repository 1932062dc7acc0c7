"""Steady load: so many callers who each ask again as soon as they are answered, and how long each answer took."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median

WARM_UP_S = 0.5


@dataclass(frozen=True, slots=True)
class Load:
    """What one run under load came to."""

    per_s: float
    p99_ms: float


def typical(loads: Sequence[Load]) -> Load:
    """The median of several runs, of each number by itself."""
    return Load(median(load.per_s for load in loads), median(load.p99_ms for load in loads))


async def under_load(callers: int, seconds: float, call: Callable[[int], Awaitable[object]]) -> Load:
    """`call(n)` is called again and again by each caller n, on this event loop."""
    begin = time.perf_counter() + WARM_UP_S
    latencies_s = await latencies_under_load(callers, begin, seconds, call)
    return summed_up(latencies_s, time.perf_counter() - begin)


async def latencies_under_load(
    callers: int, begin: float, seconds: float, call: Callable[[int], Awaitable[object]]
) -> list[float]:
    """Of the calls made between `begin` and `seconds` later; those before are to warm up."""
    latencies_s: list[float] = []

    async def caller(number: int) -> None:
        while (asked := time.perf_counter()) < begin + seconds:
            await call(number)
            if asked >= begin:
                latencies_s.append(time.perf_counter() - asked)

    await asyncio.gather(*(caller(number) for number in range(callers)))
    return latencies_s


def under_threaded_load(callers: int, seconds: float, call: Callable[[int], object]) -> Load:
    """The same with a thread for each caller, for libraries that wait in threads."""
    begin = time.perf_counter() + WARM_UP_S
    latencies_s: list[float] = []
    errors: list[BaseException] = []

    def caller(number: int) -> None:
        try:
            while (asked := time.perf_counter()) < begin + seconds:
                call(number)
                if asked >= begin:
                    latencies_s.append(time.perf_counter() - asked)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return summed_up(latencies_s, time.perf_counter() - begin)


def summed_up(latencies_s: list[float], seconds: float) -> Load:
    """Calls that took so long, made within so many seconds."""
    latencies_s.sort()
    return Load(len(latencies_s) / seconds, 1_000 * latencies_s[int(len(latencies_s) * 0.99)])
