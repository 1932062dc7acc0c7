"""Facts sealed and verified per second, beside merely reading and hashing them."""

import hashlib
import time
from statistics import median

from benchmarks.figures import Figure
from benchmarks.ground import Ground
from benchmarks.shop_history import FACTS_PER_ORDER, write_history
from infrastructure.committer import Committer
from infrastructure.database import Pool, connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.garbage import rarely_collected
from infrastructure.keyring import Keyring
from infrastructure.positions import Positions
from infrastructure.sealer import Sealer
from infrastructure.verification import verify

FACTS, FACTS_QUICK = 200_000, 24_000
PAGE_FACTS = 2_048
PEER = "asyncpg reading the same facts in the same pages, and one SHA-256 over the bytes of each"
POOL_SIZE = 4

READ = "SELECT position, body, metadata FROM facts WHERE position > $1 ORDER BY position LIMIT $2"


async def measure(ground: Ground) -> list[Figure]:
    """Sealing starts each time from a book without seals."""
    keyring = Keyring(bytes(32))
    sealed: list[float] = []
    verified: list[float] = []
    hashed: list[float] = []
    async with ground.database() as url:
        await write_history(url, (FACTS_QUICK if ground.quick else FACTS) // FACTS_PER_ORDER)
        async with open_pool(url, POOL_SIZE) as pool, Committer(lambda: connect(url)) as committer:
            await pool.execute("VACUUM ANALYZE")
            store = PostgresEventStore(pool, committer, Positions())
            with rarely_collected():
                for _ in range(ground.runs):
                    await pool.execute("ALTER TABLE seals DISABLE TRIGGER USER; DELETE FROM seals")
                    await pool.execute("DELETE FROM projections; ALTER TABLE seals ENABLE TRIGGER USER")
                    started = time.perf_counter()
                    facts = await Sealer(pool, store, Positions(), keyring, owner="benchmark").catch_up()
                    sealed.append(facts / (time.perf_counter() - started))
                    report = await verify(pool, keyring)
                    assert report.sound, report.findings
                    verified.append(report.facts / report.seconds)
                    hashed.append(await _hashed(pool))
    return [
        Figure("seal", "facts/s", median(sealed), PEER, median(hashed)),
        Figure("seal_verify", "facts/s", median(verified), PEER, median(hashed)),
    ]


async def _hashed(pool: Pool) -> float:
    started, position, facts = time.perf_counter(), 0, 0
    while rows := await pool.fetch(READ, position, PAGE_FACTS):
        for _, body, metadata in rows:
            hashlib.sha256(body.encode() + metadata.encode()).digest()
        position, facts = rows[-1]["position"], facts + len(rows)
    return facts / (time.perf_counter() - started)
