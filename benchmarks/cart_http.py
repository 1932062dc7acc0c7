"""Adding to a cart over HTTP, beside the bare framework that validates the same body and keeps nothing."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from statistics import median

from benchmarks.checkouts import (
    ARTICLES,
    PEER,
    SHOPPERS,
    bare_posts,
    bare_service,
    expect,
    signed_in,
    sku,
    stock_the_shop,
)
from benchmarks.children import child, environment
from benchmarks.figures import Aim, Figure
from benchmarks.ground import Ground
from benchmarks.http import connected
from benchmarks.load import Load, under_load
from infrastructure.garbage import rarely_collected


async def measure(ground: Ground) -> list[Figure]:
    """64 shoppers, each with a cart of their own, against one process of `daybook serve` with its worker beside it."""
    loads: list[Load] = []
    bare: list[Load] = []
    async with ground.database() as url:
        await stock_the_shop(url)
        with _service(ground, url) as port, bare_service(ground) as bare_port:
            tokens = await asyncio.gather(*(signed_in(port) for _ in range(SHOPPERS)))
            for _ in range(ground.runs):
                loads.append(await _adds(port, tokens, ground.seconds))
                bare.append(await bare_posts(bare_port, ground.seconds))
    rate, limit = median(load.per_s for load in loads), median(load.per_s for load in bare)
    p99, limit_p99 = median(load.p99_ms for load in loads), median(load.p99_ms for load in bare)
    return [
        Figure("cart_add", "adds/s", rate, PEER, limit, Aim("ratio", ">=", 0.35)),
        Figure("cart_add_p99", "ms", p99, PEER.replace("requests/s", "one request"), limit_p99),
    ]


async def _adds(port: int, tokens: Sequence[str], seconds: float) -> Load:
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(connected("127.0.0.1", port)) for _ in tokens]
        asked = [0] * len(tokens)

        async def add(number: int) -> None:
            """Ten articles in turn: the cart stays as short as carts are."""
            asked[number] += 1
            line = {"sku": sku((number * 10 + asked[number] % 10) % ARTICLES), "quantity": 1}
            expect(201, await connections[number].request("POST", "/v1/cart/lines", line, Authorization=tokens[number]))

        with rarely_collected():
            return await under_load(SHOPPERS, seconds, add)


@contextmanager
def _service(ground: Ground, url: str) -> Iterator[int]:
    """The port of `daybook serve`; as in production, projections and policies are a process beside it."""
    env = environment(ground, url)
    with (
        child("api.cli", "worker", env=env),
        child("api.cli", "serve", "--port", "0", "--no-workers-in-process", env=env) as serving,
    ):
        yield serving.port_said()
