"""Waiting until the read side has seen all that is written."""

import asyncio
import time

from api.wiring import Shop
from projections import PROJECTIONS
from queries.projection import projections

POLL_S = 0.1


async def caught_up(shop: Shop, timeout_s: float) -> bool:
    """Wait until every read table stands for the present head, whichever process works on it."""
    head = await shop.store.head()
    deadline = time.monotonic() + timeout_s
    while not await _reached(shop, head):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL_S)
    return True


async def _reached(shop: Shop, head: int) -> bool:
    reached = {state.name for state in await projections(shop.pool) if state.position >= head}
    return reached >= {projection.name for projection in PROJECTIONS}
