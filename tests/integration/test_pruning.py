"""Idempotency keys are kept for as long as is promised, and not for ever."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.wiring import open_shop
from events.store import Append, IdempotencyKey
from infrastructure import pruning
from infrastructure.database import Pool, open_pool
from tests.e2e.shop_client import settings_for
from tests.integration.book import flaws, open_store
from tests.store_contract import claim, name, stream
from tests.waiting import eventually

__all__ = ["name"]

AGED = """INSERT INTO idempotency_keys (key, request_hash, answer, position, recorded_at)
    SELECT 'aged-' || n, '', '', 0, clock_timestamp() - make_interval(days => $1) - make_interval(secs => n * $3)
    FROM generate_series(1, $2) AS n"""
KEPT = "SELECT count(*) FROM idempotency_keys"


@pytest.fixture
async def pool(own_database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(own_database_url, 3) as pool:
        yield pool


async def test_the_old_ones_go_in_batches_and_the_young_ones_stay(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "BATCH_KEYS", 10)
    monkeypatch.setattr(pruning, "PAUSE_S", 0)
    await pool.execute(AGED, 30, 25, 1)
    await pool.execute(AGED.replace("aged", "young"), 29, 7, 1)
    assert await pruning.prune(pool, 31) == 0
    assert await pruning.prune(pool, 30) == 25
    assert await pool.fetchval(KEPT) == 7
    assert await pruning.prune(pool, 30) == 0


async def test_a_key_held_by_another_worker_is_left_to_it(pool: Pool) -> None:
    await pool.execute(AGED, 30, 3, 1)
    async with pool.acquire() as other, other.transaction():
        await other.execute("DELETE FROM idempotency_keys WHERE key = 'aged-2'")
        assert await pruning.prune(pool, 30) == 2
    assert await pool.fetchval(KEPT) == 0


async def test_a_key_is_good_until_it_is_forgotten(pool: Pool, own_database_url: str, name: str) -> None:
    append = Append([claim(name)], key=IdempotencyKey(f"key-{name}", b"hash"))
    async with open_store(own_database_url) as store:
        first = await store.append(append)
        await pruning.prune(pool, 1)
        assert (await store.append(append)).replayed is not None
        await pool.execute("UPDATE idempotency_keys SET recorded_at = recorded_at - interval '25 hours'")
        assert await pruning.prune(pool, 1) == 1
        again = await store.append(append)
        assert (again.replayed, again.position) == (None, first.position + 1)
        assert await store.versions([stream(name)]) == {stream(name): 2}
    assert await flaws(own_database_url) == []


async def test_the_workers_of_a_shop_do_it(
    pool: Pool, own_database_url: str, redis_url: str, key_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "FIRST_S", 0.1)
    monkeypatch.setattr(pruning, "EVERY_S", 0.1)
    settings = settings_for(own_database_url, redis_url, key_prefix, tmp_path)

    async def gone() -> bool:
        return bool(await pool.fetchval(KEPT) == 1)

    await pool.execute(AGED, 12, 3, 0)
    await pool.execute(AGED.replace("aged", "young"), 9, 1, 0)
    async with open_shop(settings.model_copy(update={"idempotency_key_days": 10}), workers=True):
        await eventually(gone)


async def test_the_oldest_are_found_without_looking_through_all(pool: Pool) -> None:
    await pool.execute(AGED, 0, 20_000, 60)
    await pool.execute("ANALYZE idempotency_keys")
    plan = await pool.returning("EXPLAIN " + pruning.PRUNE.replace("$1", "13").replace("$2", "1000"))
    text = "\n".join(row[0] for row in plan)
    assert "idempotency_keys_recorded_at" in text and "Seq Scan" not in text, text


async def test_processes_that_appended_long_ago_are_forgotten_and_may_append_again(
    pool: Pool, own_database_url: str, name: str
) -> None:
    async with open_store(own_database_url) as silent, open_store(own_database_url) as busy:
        await silent.append(Append([claim(name)]))
        await pool.execute("UPDATE writers SET recorded_at = recorded_at - interval '25 hours'")
        await busy.append(Append([claim(name)]))
        await pruning.prune(pool, 30)
        assert await pool.fetchval("SELECT count(*) FROM writers") == 1
        await silent.append(Append([claim(name)], {stream(name): 2}))
    assert await flaws(own_database_url) == []
