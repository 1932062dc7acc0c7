"""A lease is renewed by its holder, lost to whoever takes it over, and fences what is written under it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from infrastructure import leases
from infrastructure.leases import LEASE_S as AS_BUILT_S
from infrastructure.leases import RENEW_EVERY_S, LeaseLost, Leases
from tests.integration.tally import Engine, open_engine

NAMES = ["tally_a", "tally_b"]
_OVERTAKE = "UPDATE projections SET epoch = epoch + 1, owner = 'other' WHERE name = $1"
_LEFT_S = """SELECT extract(epoch FROM lease_until - clock_timestamp())::float FROM projections WHERE name = $1"""

LEASE_S = 600.0
"""Long enough not to run out by itself, however busy the machine."""


@pytest.fixture(autouse=True)
def lasting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LEASE_S", LEASE_S)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[Engine]:
    async with open_engine(database_url, NAMES) as engine:
        yield engine


@pytest.fixture
async def mine(engine: Engine) -> Leases:
    mine = Leases(engine.pool, NAMES, "me")
    await mine.prepare()
    await mine.take()
    return mine


def test_one_renewal_may_be_missed_and_what_the_dead_held_is_free_within_seconds() -> None:
    """Whoever waits for it looks as often as its holder renews it."""
    assert 2 * RENEW_EVERY_S < AS_BUILT_S and AS_BUILT_S + RENEW_EVERY_S < 10


async def test_what_is_held_is_renewed_and_stays_the_same_lease(engine: Engine, mine: Leases) -> None:
    before = dict(mine.held)
    assert sorted(before) == NAMES
    await engine.pool.execute("UPDATE projections SET lease_until = clock_timestamp() + interval '0.1 s'")
    await mine.take()
    assert all(mine.held[name] is before[name] for name in NAMES)
    for name in NAMES:
        assert LEASE_S / 2 < await engine.pool.fetchval(_LEFT_S, name) <= LEASE_S
        assert (await engine.checkpoint(name))["epoch"] == before[name].epoch


async def test_what_another_has_taken_is_given_up_and_the_rest_is_kept(engine: Engine, mine: Leases) -> None:
    await engine.pool.execute(_OVERTAKE, "tally_a")
    await mine.take()
    assert list(mine.held) == ["tally_b"]


async def test_what_a_crash_has_put_back_is_taken_anew_from_where_it_stands(engine: Engine, mine: Leases) -> None:
    before = dict(mine.held)
    for lease in before.values():
        lease.position = 5
    await engine.pool.execute("UPDATE projections SET position = CASE name WHEN 'tally_a' THEN 3 ELSE 5 END")
    await mine.take()
    assert mine.held["tally_b"] is before["tally_b"]
    assert (mine.held["tally_a"].position, mine.held["tally_a"].epoch) == (3, before["tally_a"].epoch + 1)


async def test_what_nobody_renews_is_free_for_others(engine: Engine, mine: Leases) -> None:
    others = Leases(engine.pool, NAMES, "other")
    await others.take()
    assert others.held == {}
    await engine.pool.execute("UPDATE projections SET lease_until = clock_timestamp() - interval '0.1 s'")
    await others.take()
    assert {name: lease.epoch for name, lease in others.held.items()} == {
        name: lease.epoch + 1 for name, lease in mine.held.items()
    }


async def test_a_checkpoint_moves_from_where_it_stands_and_says_how_fast(engine: Engine, mine: Leases) -> None:
    held = list(mine.held.values())
    async with engine.pool.acquire() as connection:
        await mine.advance(connection, held, 5)
        assert await engine.pool.fetchval("SELECT facts_per_s FROM projections WHERE name = 'tally_a'") == 0
        with pytest.raises(LeaseLost, match=r"^tally_a, tally_b$"):
            await mine.advance(connection, held, 6)  # these leases still say that it stands at 0
        for lease in held:
            lease.position = 5
        await mine.advance(connection, held, 7, 12.5)
    moved = await engine.pool.fetch("SELECT position, facts_per_s FROM projections WHERE name = ANY ($1)", NAMES)
    assert [tuple(row) for row in moved] == [(7, 12.5)] * 2


async def test_news_are_told_when_the_checkpoint_has_moved_for_good(engine: Engine, mine: Leases) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    def heard_of(*call: object) -> None:
        heard.put_nowait(str(call[-1]))

    async with engine.pool.acquire() as listening, engine.pool.acquire() as connection:
        await listening.add_listener("daybook", heard_of)
        with pytest.raises(ZeroDivisionError):
            async with connection.transaction():
                await mine.advance(connection, list(mine.held.values()), 4, news=["never"])
                raise ZeroDivisionError
        async with connection.transaction():
            await mine.advance(connection, list(mine.held.values()), 5, news=["one", "two"])
        async with asyncio.timeout(60):
            assert [await heard.get(), await heard.get()] == ["one", "two"]
        await listening.remove_listener("daybook", heard_of)


async def test_one_overtaken_lease_of_a_group_stops_the_whole_group(engine: Engine, mine: Leases) -> None:
    await engine.pool.execute(_OVERTAKE, "tally_b")
    with pytest.raises(LeaseLost):
        async with engine.pool.acquire() as connection, connection.transaction():
            await mine.advance(connection, list(mine.held.values()), 5)
    assert [(await engine.checkpoint(name))["position"] for name in NAMES] == [0, 0]


async def test_what_is_released_is_free_at_once_and_another_s_stays(engine: Engine, mine: Leases) -> None:
    await engine.pool.execute(_OVERTAKE, "tally_b")
    await mine.release()
    assert mine.held == {}
    others = Leases(engine.pool, NAMES, "third")
    await others.take()
    assert list(others.held) == ["tally_a"]
    assert (await engine.checkpoint("tally_b"))["owner"] == "other"


async def test_what_was_given_up_is_taken_again_at_once_however_long_the_database_was_away(
    engine: Engine, mine: Leases
) -> None:
    before = {name: lease.epoch for name, lease in mine.held.items()}
    mine.give_up()
    mine.give_up()  # the first attempt to take it again has failed
    assert mine.held == {}
    await mine.take()
    assert {name: lease.epoch for name, lease in mine.held.items()} == {name: n + 1 for name, n in before.items()}


async def test_what_was_given_up_and_taken_by_another_is_not_taken_back(engine: Engine, mine: Leases) -> None:
    other = Leases(engine.pool, NAMES, "other")
    mine.give_up()
    await other.take()
    assert other.held == {}
    await engine.pool.execute("UPDATE projections SET lease_until = '-infinity'")
    await other.take()
    assert sorted(other.held) == NAMES
    await mine.take()
    assert mine.held == {}
    assert (await engine.checkpoint("tally_a"))["owner"] == "other"


async def test_why_a_checkpoint_does_not_move_is_said_on_it_in_so_many_characters_at_most(
    engine: Engine, mine: Leases
) -> None:
    await mine.failed(mine.held["tally_a"], "x" * 3_000)
    assert (await engine.checkpoint("tally_a"))["last_error"] == "x" * 2_000
