"""How soon others know: from an append to a wake-up in a second process, and to the rows of a live projection."""

import asyncio
import json
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable
from functools import partial
from statistics import median
from typing import NamedTuple

from benchmarks.appends import METADATA
from benchmarks.children import child, environment
from benchmarks.figures import Aim, Figure
from benchmarks.ground import Ground
from benchmarks.load import under_load
from events.cart import CartLineAdded, CartOpened
from events.store import Append, EventStore
from events.values import CartId, ProductId, Sku
from infrastructure.committer import Committer
from infrastructure.database import Pool, connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.garbage import rarely_collected
from infrastructure.ids import new_id
from infrastructure.positions import HEAD, Positions

CLIENTS = 64
WARM_UP_S = 1.0
WAKE_AIM_MS, LAG_RATIO_AIM = 10.0, 5.0
PEER = "a bare NOTIFY heard on another connection of the same process, under the same load"
PROJECTION = "cart"


class Asked(NamedTuple):
    """An append: when it was asked for and answered, in seconds, and its position."""

    began: float
    done: float
    position: int


class Run(NamedTuple):
    """99th percentiles in ms, and the load they were measured under."""

    wake: float
    lag: float
    notify: float
    appends_per_s: float


async def measure(ground: Ground) -> list[Figure]:
    """64 clients at half of what they can do at most; a worker process projects, another process only listens."""
    runs = [await _run(ground) for _ in range(ground.runs)]
    typical = Run(*(median(column) for column in zip(*runs, strict=True)))
    return [
        Figure("wake_p99", "ms", typical.wake, PEER, typical.notify, Aim("value", "<=", WAKE_AIM_MS)),
        Figure("lag_p99", "ms", typical.lag, PEER, typical.notify, Aim("ratio", "<=", LAG_RATIO_AIM)),
        Figure("lag_p99_load", "appends/s", typical.appends_per_s, "no peer", None),
    ]


async def _run(ground: Ground) -> Run:
    async with ground.database() as url, open_pool(url, 1) as pool, Committer(partial(connect, url)) as committer:
        store = PostgresEventStore(pool, committer, Positions())
        carts = [CartId(f"{new_id('crt')}{number:04d}") for number in range(CLIENTS)]
        await store.append(Append([CartOpened(cart, None) for cart in carts], {}, METADATA))
        product = ProductId(new_id("prd"))

        async def append(number: int) -> int:
            fact = CartLineAdded(carts[number], Sku("CJ-1043128"), product, 1)
            return (await store.append(Append([fact], {}, METADATA))).position

        env = environment(ground, url)
        with rarely_collected():
            most_per_s = (await under_load(CLIENTS, ground.seconds, append)).per_s
            with child("api.cli", "worker", env=env), child("benchmarks.ear", url, env=env) as ear:
                await asyncio.to_thread(ear.port_said)
                await _projected(store, pool)
                asked = await _paced(append, most_per_s / 2, ground.seconds)
                await _projected(store, pool)
                ear.process.terminate()
                said, _ = await asyncio.to_thread(ear.process.communicate)
    known = json.loads(said)
    head, rows = _times(known["heard"], HEAD), _times(known["heard"], PROJECTION)
    return Run(
        _p99_ms([_heard_at(head, each.position) - each.began for each in asked]),
        _p99_ms([_heard_at(rows, each.position) - each.done for each in asked]),
        _p99_ms(known["round_trips"]),
        len(asked) / ground.seconds,
    )


async def _paced(append: Callable[[int], Awaitable[int]], per_s: float, seconds: float) -> list[Asked]:
    """Each client appends at its times, which are spread evenly; one that is late does not make up for it."""
    interval = CLIENTS / per_s
    begin = time.perf_counter() + WARM_UP_S
    asked: list[Asked] = []

    async def client(number: int) -> None:
        at = begin - WARM_UP_S + interval * number / CLIENTS
        while at < begin + seconds:
            await asyncio.sleep(at - time.perf_counter())
            began = time.perf_counter()
            position = await append(number)
            if began >= begin:
                asked.append(Asked(began, time.perf_counter(), position))
            at = max(at + interval, time.perf_counter())

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return asked


async def _projected(store: EventStore, pool: Pool) -> None:
    """Wait until the worker has taken everything there is."""
    head = await store.head()
    while await pool.fetchval("SELECT position FROM projections WHERE name = $1", PROJECTION) != head:
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.2)  # for the last notification to arrive


def _times(heard: list[tuple[float, str]], name: str) -> list[tuple[int, float]]:
    """The positions that `name` was heard to have reached, growing, and when."""
    times: list[tuple[int, float]] = []
    for at, payload in heard:
        names, _, position = payload.rpartition(" ")
        if name in names.split(",") and (not times or int(position) > times[-1][0]):
            times.append((int(position), at))
    return times


def _heard_at(times: list[tuple[int, float]], position: int) -> float:
    return times[bisect_left(times, (position, 0.0))][1]


def _p99_ms(seconds: list[float]) -> float:
    return 1_000 * sorted(seconds)[int(len(seconds) * 0.99)]
