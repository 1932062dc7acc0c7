"""Appends per second and their latency at several degrees of concurrency, beside the library's own recorder."""

import asyncio
from functools import partial

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder

from benchmarks.figures import Aim, Figure
from benchmarks.ground import Ground
from benchmarks.library import open_datastore
from benchmarks.load import Load, typical, under_load, under_threaded_load
from events import stream_of
from events.cart import CartLineAdded
from events.store import Append, Metadata
from events.values import CartId, ProductId, Sku
from infrastructure.codec import FactTranscoder
from infrastructure.committer import Committer
from infrastructure.database import connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.garbage import rarely_collected
from infrastructure.ids import new_id
from infrastructure.positions import Positions

PEER = "eventsourcing 9.5, PostgresApplicationRecorder.insert_events, default (lossless) mode, {} threads"
MAX_PEER_CONNECTIONS = 64
"""More only make it slower: they all wait for one table lock."""
RATIO_AIMS = {64: 20.0, 256: 30.0}
P99_RATIO_AIM_AT_64 = 0.1

METADATA = Metadata(new_id("usr"), "AddToCart", new_id("req"), "", new_id("req"))


async def measure(ground: Ground, *, clients: int) -> list[Figure]:
    """Every client appends one fact at a time to a stream of its own and says which version it expects."""
    ours: list[Load] = []
    theirs: list[Load] = []
    for _ in range(ground.runs):
        async with ground.database() as url:
            ours.append(await append_load(url, clients, ground.seconds))
        async with ground.database(migrated=False) as url:
            theirs.append(await asyncio.to_thread(_their_load, url, clients, ground.seconds))
    our, their = typical(ours), typical(theirs)
    name, peer = f"append_{clients}", PEER.format(clients)
    rate_aim = Aim("ratio", ">=", RATIO_AIMS[clients]) if clients in RATIO_AIMS else None
    p99_aim = Aim("ratio", "<=", P99_RATIO_AIM_AT_64) if clients == 64 else None
    return [
        Figure(name, "appends/s", our.per_s, peer, their.per_s, rate_aim),
        Figure(f"{name}_p99", "ms", our.p99_ms, peer, their.p99_ms, p99_aim),
    ]


async def append_load(url: str, clients: int, seconds: float) -> Load:
    """Appends by so many clients at once, each to a stream of its own, through the store."""
    facts = [_fact(number) for number in range(clients)]
    versions = [0] * clients
    async with open_pool(url, 1) as pool, Committer(partial(connect, url)) as committer:
        store = PostgresEventStore(pool, committer, Positions())

        async def append(number: int) -> None:
            fact = facts[number]
            await store.append(Append([fact], {stream_of(fact): versions[number]}, METADATA))
            versions[number] += 1

        with rarely_collected():
            return await under_load(clients, seconds, append)


def _their_load(url: str, clients: int, seconds: float) -> Load:
    """The same bytes under the same names; encoding them is not counted against the peer."""
    encode = FactTranscoder().encode
    facts = [(stream_of(fact), encode(fact)) for fact in map(_fact, range(clients))]
    versions = [0] * clients
    with open_datastore(url, connections=min(clients, MAX_PEER_CONNECTIONS)) as datastore:
        recorder = PostgresApplicationRecorder(datastore)
        recorder.create_table()

        def append(number: int) -> None:
            stream, body = facts[number]
            versions[number] += 1
            recorder.insert_events([StoredEvent(stream, versions[number], CartLineAdded.__name__, body)])

        with rarely_collected():
            return under_threaded_load(clients, seconds, append)


def _fact(number: int) -> CartLineAdded:
    return CartLineAdded(CartId(f"{new_id('crt')}{number:04d}"), Sku("CJ-1043128"), ProductId(new_id("prd")), 2)
