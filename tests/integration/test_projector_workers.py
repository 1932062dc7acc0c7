"""Workers of the page engine: one at a time, woken by commits; what the dead held is taken over."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from infrastructure import leases, projector
from infrastructure.projector import Projector
from tests.integration.tally import Engine, open_engine, tally
from tests.waiting import PATIENCE_S, eventually


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[Engine]:
    async with open_engine(database_url, ("tally_a", "tally_b")) as engine:
        yield engine


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases run out, and failures are tried again, in fractions of a second."""
    monkeypatch.setattr(leases, "LEASE_S", 0.5)
    monkeypatch.setattr(projector, "RENEW_EVERY_S", 0.1)
    monkeypatch.setattr(projector, "RETRY_S", 0.1)


async def killed(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def abandoning(worker: Projector) -> Projector:
    """One that never gives a lease back, as if its process had been killed."""

    async def nothing() -> None: ...

    worker._leases.release = nothing  # type: ignore[method-assign]
    return worker


async def test_two_workers_fight_and_every_fact_counts_once(engine: Engine, database_url: str, impatient: None) -> None:
    async with open_engine(database_url, ()) as other:
        workers = [
            asyncio.create_task(each.projector(tally("tally_a"), tally("tally_b"), owner=owner, page_facts=3).run())
            for each, owner in ((engine, "one"), (other, "two"), (other, "three"))
        ]
        for n in range(40):
            await engine.receive((f"F-{n % 4}", n + 1), (f"F-{n % 3}", 1))
            if n % 10 == 5:  # whoever holds it loses it, in the middle of its work
                await engine.pool.execute(
                    "UPDATE projections SET epoch = epoch + 1, lease_until = '-infinity' WHERE name = 'tally_a'"
                )
            await asyncio.sleep(0.03)
        head = await engine.store.head()

        async def there() -> bool:
            return [(await engine.checkpoint(name))["position"] for name in ("tally_a", "tally_b")] == [head, head]

        await eventually(there)
        for worker in workers:
            await killed(worker)
    expected = await engine.expected()
    assert await engine.received("tally_a") == await engine.received("tally_b") == expected
    released = await engine.checkpoint("tally_a")
    assert (released["owner"], released["epoch"] >= 2 * 4) == (None, True)


async def test_what_a_killed_worker_held_is_taken_over(engine: Engine, impatient: None) -> None:
    first = asyncio.create_task(abandoning(engine.projector(tally("tally_a"), owner="killed")).run())
    await engine.receive(("TAKEN", 1))

    async def moved() -> bool:
        return "TAKEN" in await engine.received("tally_a")

    await eventually(moved)
    await killed(first)
    left = await engine.checkpoint("tally_a")
    assert left["owner"] == "killed"
    second = asyncio.create_task(engine.projector(tally("tally_a"), owner="heir").run())
    await engine.receive(("TAKEN", 2))

    async def taken_over() -> bool:
        return (await engine.received("tally_a"))["TAKEN"] == 3

    await eventually(taken_over)
    held = await engine.checkpoint("tally_a")
    assert (held["owner"], held["epoch"] > left["epoch"]) == ("heir", True)
    await killed(second)
    assert (await engine.checkpoint("tally_a"))["owner"] is None


async def test_leases_that_have_all_moved_need_no_renewal_of_their_own(engine: Engine) -> None:
    worker = engine.projector(tally("tally_a"), tally("tally_b"))
    await worker._open()
    await worker._leases.take()
    await engine.receive(("MOVED", 1))
    ends = "SELECT min(lease_until) FROM projections WHERE name = ANY ('{tally_a,tally_b}')"
    until = await engine.pool.fetchval(ends)
    assert await worker._turn()
    assert (await engine.pool.fetchval(ends) > until, worker._renew_at > 0) == (True, True)
    worker._renew_at = 0.0
    worker._failing_until["tally_b"] = float("inf")
    await engine.receive(("ALONE", 1))
    assert await worker._turn()
    assert worker._renew_at == 0, "one has not moved"
    await worker._leases.release()


async def test_one_whose_table_fails_stays_behind_and_the_others_go_on(engine: Engine, impatient: None) -> None:
    worker = asyncio.create_task(engine.projector(tally("tally_a"), tally("tally_b")).run())
    good = await engine.receive(("BEFORE", 1))

    async def at(name: str, position: int) -> bool:
        return bool((await engine.checkpoint(name))["position"] >= position)

    await eventually(lambda: at("tally_a", good))
    await engine.pool.execute("ALTER TABLE tally_a RENAME TO hidden")
    head = await engine.receive(("AFTER", 1))
    await eventually(lambda: at("tally_b", head))

    async def says_why() -> bool:
        return "tally_a" in str((await engine.checkpoint("tally_a"))["last_error"])

    await eventually(says_why)
    stuck = await engine.checkpoint("tally_a")
    assert good <= stuck["position"] < head
    assert await engine.received("tally_b") == await engine.expected()
    await engine.pool.execute("ALTER TABLE hidden RENAME TO tally_a")
    await eventually(lambda: at("tally_a", head))
    assert await engine.received("tally_a") == await engine.expected()
    assert (await engine.checkpoint("tally_a"))["last_error"] is None
    await killed(worker)


async def test_a_worker_is_woken_by_a_commit_and_does_not_wait_for_its_poll(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projector, "POLL_S", 10 * PATIENCE_S)
    worker = asyncio.create_task(engine.projector(tally("tally_a")).run())
    for n in range(1, 6):
        head = await engine.receive(("WOKEN", n))
        assert await engine.positions.reach("tally_a", head, PATIENCE_S)
    await killed(worker)
    assert (await engine.received("tally_a"))["WOKEN"] == 15


async def test_a_worker_goes_on_when_its_connections_were_cut(engine: Engine, impatient: None) -> None:
    worker = asyncio.create_task(engine.projector(tally("tally_a")).run())
    first = await engine.receive(("CUT", 1))
    assert await engine.positions.reach("tally_a", first, PATIENCE_S)
    await engine.pool.fetch("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND query NOT LIKE '%append_facts%'""")
    head = await engine.receive(("CUT", 2))
    assert await engine.positions.reach("tally_a", head, PATIENCE_S)
    await killed(worker)
    assert (await engine.received("tally_a"))["CUT"] == 3


async def test_a_worker_whose_connection_breaks_in_a_page_need_not_wait_for_its_own_lease(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE_S", 600.0)
    worker = asyncio.create_task(engine.projector(tally("tally_a")).run())
    assert await engine.positions.reach("tally_a", await engine.receive(("CUT", 1)), PATIENCE_S)
    epoch = (await engine.checkpoint("tally_a"))["epoch"]
    async with engine.pool.acquire() as admin, admin.transaction():
        await admin.execute("LOCK TABLE tally_a IN EXCLUSIVE MODE")
        head = await engine.receive(("CUT", 2))

        async def cut() -> bool:
            return bool(
                await engine.pool.fetch("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%tally_a%'""")
            )

        await eventually(cut)
    assert await engine.positions.reach("tally_a", head, PATIENCE_S)
    assert (await engine.checkpoint("tally_a"))["epoch"] == epoch + 1
    await killed(worker)
    assert await engine.received("tally_a") == await engine.expected()
