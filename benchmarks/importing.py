"""Bringing in the Complete Journey with `daybook import`, beside the COPY of the same rows into a bare table."""

import asyncio
import io
import json
import time
from dataclasses import dataclass
from statistics import median

from benchmarks.children import child, environment
from benchmarks.figures import Aim, Figure
from benchmarks.ground import Ground
from infrastructure.database import connect

BASKETS, BASKETS_QUICK = 5_000, 500
LIMIT = "COPY of the same rows, one transaction, into a table without indexes"
MEMORY_AIM_MB = 500
WHOLE_AIM_MINUTES = 20

BARE_TABLE = "CREATE TABLE bare (LIKE facts)"


@dataclass(frozen=True, slots=True)
class Import:
    """What one import took: until the last fact was stored, and in all, with start-up and the last page projected."""

    baskets: int
    facts: int
    seconds: float
    whole_seconds: float
    peak_mb: float


async def measure(ground: Ground) -> list[Figure]:
    """The first baskets into an empty shop, with the projections of another process at work meanwhile."""
    imports: list[Import] = []
    limits: list[float] = []
    for _ in range(ground.runs):
        async with ground.database() as url:
            imports.append(await asyncio.to_thread(_imported, ground, url, BASKETS_QUICK if ground.quick else BASKETS))
            limits.append(await copied_per_s(url))
    facts, limit = median(each.facts / each.seconds for each in imports), median(limits)
    baskets = median(each.baskets / each.seconds for each in imports)
    memory = Aim("value", "<=", MEMORY_AIM_MB)
    return [
        Figure("import_rate", "facts/s", facts, LIMIT, limit),
        Figure("import_rate_baskets", "baskets/s", baskets, LIMIT, limit * imports[0].baskets / imports[0].facts),
        Figure("import_memory", "MB", max(each.peak_mb for each in imports), "", None, memory),
    ]


async def measure_whole(ground: Ground) -> list[Figure]:
    """All of it, once."""
    async with ground.database() as url:
        whole = await asyncio.to_thread(_imported, ground, url, None)
        limit = whole.facts / await copied_per_s(url)
    minutes, memory = Aim("value", "<=", WHOLE_AIM_MINUTES), Aim("value", "<=", MEMORY_AIM_MB)
    return [
        Figure("import_whole", "minutes", whole.whole_seconds / 60, LIMIT, limit / 60, minutes),
        Figure("import_whole_facts", "facts", whole.facts, "", None),
        Figure("import_whole_memory", "MB", whole.peak_mb, "", None, memory),
    ]


def _imported(ground: Ground, url: str, baskets: int | None) -> Import:
    some = () if baskets is None else ("--baskets", str(baskets))
    started = time.perf_counter()
    env = environment(ground, url)
    with child("api.cli", "import", "complete-journey", *some, "--json", env=env, watched=True) as importing:
        said, _ = importing.process.communicate()
        whole_seconds = time.perf_counter() - started
        if importing.process.returncode:
            raise RuntimeError(importing.last_words())
    report = json.loads(said)
    added = report["stages"]["baskets"]["added"]
    return Import(added, report["facts"], report["seconds"], whole_seconds, importing.peak_mb)


async def copied_per_s(url: str) -> float:
    """Rows a second when nothing is asked of the database but to keep them."""
    connection = await connect(url)
    try:
        await connection.execute("SET statement_timeout = 0")
        rows = io.BytesIO()
        await connection.copy_from_query("SELECT * FROM facts", output=rows, format="binary", timeout=None)
        rows.seek(0)
        await connection.execute(BARE_TABLE)
        await connection.execute("CHECKPOINT")
        started = time.perf_counter()
        copied = await connection.copy_to_table("bare", source=rows, format="binary", timeout=None)
        return int(copied.split()[1]) / (time.perf_counter() - started)
    finally:
        await connection.close()
