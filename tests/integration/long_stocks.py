"""Long streams of stock, and what is kept of them, for tests of snapshots."""

import asyncio
from collections.abc import Mapping
from typing import Any

from commands.decider import Ref
from commands.stock import Stock
from events import Event
from events.stock import StockReceived
from events.store import Append
from events.values import Sku
from infrastructure.database import Pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.snapshots import REPLAYED_MAX, Snapshots

VERSIONS = "SELECT stream, version FROM snapshots WHERE stream = ANY ($1)"
LONG = REPLAYED_MAX + 1


def received(ref: Ref[Stock], times: int) -> list[Event]:
    """Two units each time."""
    return [StockReceived(sku_of(ref), 2)] * times


def sku_of(ref: Ref[Stock]) -> Sku:
    return Sku(ref.stream.removeprefix("stock-").removesuffix("@main"))


async def written(states: Snapshots) -> None:
    if states._writing is not None:
        await asyncio.wait_for(asyncio.wait([states._writing]), 60)


async def kept(store: PostgresEventStore, states: Snapshots, ref: Ref[Stock], facts: int = LONG) -> None:
    """Add facts, read them, and wait until what is kept of them is."""
    await store.append(Append(received(ref, facts)))
    await states.read([ref])
    await written(states)


async def kept_versions(pool: Pool, *refs: Ref[Any]) -> Mapping[str, int]:
    rows = await pool.fetch(VERSIONS, [ref.stream for ref in refs])
    return {row["stream"]: row["version"] for row in rows}
