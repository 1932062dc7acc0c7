"""A rebuild goes on where it stopped only with the code that began it; and who folded a live table is known."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from events.store import Fact
from infrastructure import filling
from infrastructure.filling import Progress
from infrastructure.rebuild import rebuild, roll_back
from infrastructure.source_hash import source_of, sources
from projections.projection import Key, Projection
from queries.projection import ProjectionState, projections
from tests.integration.tally import Engine, TallyRow, open_engine, tally


def doubled(row: TallyRow | None, fact: Fact[Any], key: Key) -> TallyRow | None:
    """As an earlier version of the shop may have counted."""
    row = row or TallyRow(fact.event.sku, 0, [], 0)
    return row._replace(received=row.received + 2 * fact.event.quantity)


OTHER = "it was of other code, or for another table"
NOW = tally("tally_a")
EARLIER: Projection[TallyRow] = replace(NOW, evolve=doubled)


class Stopped(Exception):
    pass


@pytest.fixture
async def engine(own_database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    monkeypatch.setattr(filling, "PAGE_FACTS", 50)
    monkeypatch.setattr(filling, "LAST_STEP_FACTS", 20)
    monkeypatch.setattr(filling, "WRITE_EVERY_S", 0.0)
    async with open_engine(own_database_url, ("tally_a",)) as engine:
        await engine.receive(*[(f"S-{n % 100}", 1) for n in range(300)])
        yield engine


@asynccontextmanager
async def interrupted(engine: Engine, projection: Projection[TallyRow]) -> AsyncIterator[list[Progress]]:
    """Half of a rebuild; the list is for the progress of another."""

    def stop(progress: Progress) -> None:
        if progress.position >= 150:
            raise Stopped

    await engine.projector(projection).catch_up()
    with pytest.raises(Stopped):
        await rebuild(engine.pool, engine.store, projection, owner="first", on_progress=stop)
    yield []


async def test_the_same_code_goes_on(engine: Engine) -> None:
    async with interrupted(engine, NOW) as seen:
        rebuilt = await rebuild(engine.pool, engine.store, NOW, owner="second", on_progress=seen.append)
    assert (seen[0].position, rebuilt.begun_anew) == (150, None)
    assert await engine.received("tally_a") == await engine.expected()


async def test_other_code_begins_anew(engine: Engine) -> None:
    async with interrupted(engine, EARLIER) as seen:
        await engine.pool.execute(
            "INSERT INTO parked (projection, key, position, stream, version, type)"
            " VALUES ('tally_a__new', '[\"S-1\"]', 2, 'stock-S-1@main', 1, 'StockReceived')"
        )
        rebuilt = await rebuild(engine.pool, engine.store, NOW, owner="second", on_progress=seen.append)
    assert (seen[0].position, rebuilt.begun_anew, rebuilt.parked) == (0, OTHER, 0)
    assert await engine.received("tally_a") == await engine.expected()


async def test_another_table_begins_anew(engine: Engine) -> None:
    async with interrupted(engine, NOW) as seen:
        await engine.pool.execute("ALTER TABLE tally_a ALTER version TYPE bigint")
        rebuilt = await rebuild(engine.pool, engine.store, NOW, owner="second", on_progress=seen.append)
    assert (seen[0].position, rebuilt.begun_anew) == (0, OTHER)
    kept = await engine.pool.fetchval(
        "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attname = 'version'"
        " AND attrelid = 'tally_a'::regclass"
    )
    assert kept == "bigint"


async def state(engine: Engine) -> ProjectionState:
    [found] = [each for each in await projections(engine.pool, sources([NOW])) if each.name == "tally_a"]
    return found


async def test_a_live_table_that_older_code_has_folded_says_so_until_it_is_rebuilt(engine: Engine) -> None:
    await engine.projector(EARLIER).catch_up()
    assert (await state(engine)).older_code
    await engine.receive(("S-1", 1))
    await engine.projector(NOW).catch_up()
    told = await state(engine)
    assert (told.older_code, told.troubled) == (True, False)
    await rebuild(engine.pool, engine.store, NOW, owner="me")
    assert not (await state(engine)).older_code
    await roll_back(engine.pool, engine.store, NOW)
    assert (await state(engine)).older_code
    await roll_back(engine.pool, engine.store, NOW)
    assert not (await state(engine)).older_code


async def test_a_table_nobody_knows_the_code_of_is_taken_to_be_of_this_code(engine: Engine) -> None:
    await engine.projector(NOW).catch_up()
    await engine.pool.execute("UPDATE projections SET source = NULL")
    assert not (await state(engine)).older_code
    await engine.projector(EARLIER).catch_up()
    assert (await state(engine)).older_code


async def test_a_table_that_begins_again_is_of_the_code_that_begins_it(engine: Engine) -> None:
    await engine.projector(EARLIER).catch_up()
    await engine.pool.execute("TRUNCATE tally_a; UPDATE projections SET position = 0")
    await engine.projector(NOW).catch_up()
    assert not (await state(engine)).older_code
    assert await engine.pool.fetchval("SELECT source FROM projections WHERE name = 'tally_a'") == source_of(NOW)
