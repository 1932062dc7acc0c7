"""The page engine: exactly once into the rows, one worker at a time, and one that fails holds nobody up."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from events.stock import StockAdjusted
from events.store import Append
from events.values import Sku
from infrastructure import leases, projector, read_table
from infrastructure.leases import LeaseLost
from infrastructure.projector import Projector
from projections.projection import Key
from tests.integration.tally import Engine, open_engine, tally
from tests.waiting import eventually


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


@pytest.mark.parametrize("copied_from_rows", [1, 1_000])
async def test_rows_are_the_fold_of_the_facts_whatever_the_size_of_a_page(
    engine: Engine, copied_from_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_table, "COPIED_FROM_ROWS", copied_from_rows)
    await engine.receive(*[(f"S-{n % 5}", n) for n in range(1, 30)])
    await engine.projector(tally("tally_a"), page_facts=1).catch_up()
    await engine.projector(tally("tally_b"), page_facts=1_000).catch_up()
    await engine.receive(*[(f"S-{n % 7}", n) for n in range(1, 30)])
    await engine.projector(tally("tally_a"), page_facts=1_000).catch_up()
    await engine.projector(tally("tally_b"), page_facts=2).catch_up()
    expected = await engine.expected()
    assert await engine.received("tally_a") == await engine.received("tally_b") == expected
    rows = [await engine.pool.fetch(f"SELECT * FROM {name} ORDER BY sku") for name in ("tally_a", "tally_b")]
    assert rows[0] == rows[1]
    assert (await engine.checkpoint("tally_a"))["position"] == await engine.store.head()


@pytest.mark.parametrize("copied_from_rows", [1, 1_000])
async def test_a_row_that_folds_to_nothing_is_removed(
    engine: Engine, copied_from_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_table, "COPIED_FROM_ROWS", copied_from_rows)
    gone, stays = f"GONE-{copied_from_rows}", f"STAYS-{copied_from_rows}"
    await engine.receive((gone, 3), (stays, 4))
    await engine.projector(tally("tally_a")).catch_up()
    assert (await engine.received("tally_a"))[gone] == 3
    await engine.store.append(Append([StockAdjusted(Sku(gone), -3, "lost")]))
    await engine.projector(tally("tally_a")).catch_up()
    assert gone not in await engine.received("tally_a")
    assert (await engine.received("tally_a"))[stays] == 4
    await engine.receive((gone, 1))
    await engine.projector(tally("tally_a")).catch_up()
    assert (await engine.received("tally_a"))[gone] == 1


async def test_rows_and_checkpoint_are_written_together_or_not_at_all(engine: Engine) -> None:
    await engine.pool.execute("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'the checkpoint cannot be written'; END $$;
        CREATE TRIGGER refuse BEFORE UPDATE OF position ON projections
            FOR EACH ROW WHEN (NEW.name = 'tally_a') EXECUTE FUNCTION refuse()""")
    try:
        await engine.receive(("TOGETHER", 1))
        before = await engine.received("tally_a")
        await engine.projector(tally("tally_a")).catch_up()
        assert await engine.received("tally_a") == before
        stuck = await engine.checkpoint("tally_a")
        assert stuck["position"] == 0
        assert "the checkpoint cannot be written" in stuck["last_error"]
    finally:
        await engine.pool.execute("DROP TRIGGER refuse ON projections; DROP FUNCTION refuse")
    await engine.projector(tally("tally_a")).catch_up()
    assert await engine.received("tally_a") == await engine.expected()
    assert (await engine.checkpoint("tally_a"))["last_error"] is None


async def test_a_worker_that_was_overtaken_writes_nothing(engine: Engine) -> None:
    worker = engine.projector(tally("tally_a"))
    await worker._open()
    await worker._leases.take()
    await engine.receive(("LATE", 1))
    await engine.pool.execute("UPDATE projections SET epoch = epoch + 1, owner = 'other' WHERE name = 'tally_a'")
    with pytest.raises(LeaseLost):
        await worker._page(list(worker._leases.held.values()))
    assert await engine.received("tally_a") == {}
    assert not await worker._turn()
    assert worker._leases.held == {}
    held = await engine.checkpoint("tally_a")
    assert (held["position"], held["owner"]) == (0, "other")


async def test_what_was_read_ahead_is_not_projected_by_a_worker_that_was_overtaken(engine: Engine) -> None:
    await engine.receive(*[(f"A-{n}", 1) for n in range(10)])
    worker = engine.projector(tally("tally_a"), owner="first", page_facts=3)
    await worker._open()
    await worker._leases.take()
    assert await worker._turn()
    assert worker._pages._ahead is not None
    (at, _), reading = worker._pages._ahead
    assert at == worker._leases.held["tally_a"].position == 3
    await engine.pool.execute("UPDATE projections SET lease_until = '-infinity' WHERE name = 'tally_a'")
    await engine.projector(tally("tally_a"), owner="second", page_facts=3).catch_up()
    before = await engine.received("tally_a")
    assert before == await engine.expected()
    assert not await worker._turn()
    assert worker._leases.held["tally_a"].position == await engine.store.head(), "taken anew, where the other left it"
    assert not await worker._turn()
    assert await engine.received("tally_a") == before
    assert [fact.position for fact in (await reading).facts] == [4, 5, 6]
    await worker._pages.close()


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
    assert (held["owner"], held["epoch"]) == ("heir", left["epoch"] + 1)
    await killed(second)
    assert (await engine.checkpoint("tally_a"))["owner"] is None


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
    monkeypatch.setattr(projector, "POLL_S", 30.0)
    worker = asyncio.create_task(engine.projector(tally("tally_a")).run())
    for n in range(1, 6):
        head = await engine.receive(("WOKEN", n))
        assert await engine.positions.reach("tally_a", head, 5)
    await killed(worker)
    assert (await engine.received("tally_a"))["WOKEN"] == 15


async def test_a_worker_goes_on_when_its_connections_were_cut(engine: Engine, impatient: None) -> None:
    worker = asyncio.create_task(engine.projector(tally("tally_a")).run())
    first = await engine.receive(("CUT", 1))
    assert await engine.positions.reach("tally_a", first, 5)
    await engine.pool.fetch("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND query NOT LIKE '%append_facts%'""")
    head = await engine.receive(("CUT", 2))
    assert await engine.positions.reach("tally_a", head, 10)
    await killed(worker)
    assert (await engine.received("tally_a"))["CUT"] == 3


async def test_a_worker_whose_connection_breaks_in_a_page_need_not_wait_for_its_own_lease(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE_S", 600.0)
    worker = asyncio.create_task(engine.projector(tally("tally_a")).run())
    assert await engine.positions.reach("tally_a", await engine.receive(("CUT", 1)), 5)
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
    assert await engine.positions.reach("tally_a", head, 10)
    assert (await engine.checkpoint("tally_a"))["epoch"] == epoch + 1
    await killed(worker)
    assert await engine.received("tally_a") == await engine.expected()


async def test_the_cache_is_told_after_the_commit_what_has_changed(engine: Engine) -> None:
    class Cache:
        told: list[tuple[str, set[Key], int, dict[str, int]]] = []  # noqa: RUF012

        async def changed(self, kind: str, keys: Sequence[Key], position: int) -> None:
            self.told.append((kind, set(keys), position, await engine.received("tally_a")))

        async def make_up(self) -> None:
            raise AssertionError("nothing was missed")

    await engine.projector(tally("tally_a")).catch_up()
    head = await engine.receive(("C-1", 1), ("C-2", 2), ("C-1", 1))
    await engine.projector(tally("tally_a", cached_as="tallied"), cache=Cache()).catch_up()
    [(kind, keys, position, rows)] = Cache.told
    assert (kind, keys, position) == ("tallied", {("C-1",), ("C-2",)}, head)
    assert (rows["C-1"], rows["C-2"]) == (2, 2)
