"""The page engine: rows and checkpoint move together, exactly once, and only for who holds the lease."""

from collections.abc import AsyncIterator, Sequence

import pytest

from events.stock import StockAdjusted
from events.store import Append
from events.values import Sku
from infrastructure import read_table
from infrastructure.leases import LeaseLost
from projections.projection import Key
from tests.integration.tally import Engine, open_engine, tally


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[Engine]:
    async with open_engine(database_url, ("tally_a", "tally_b")) as engine:
        yield engine


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


async def test_the_cache_is_told_after_the_commit_what_has_changed(engine: Engine) -> None:
    class Cache:
        has_untold = False
        told: list[tuple[str, set[Key], int, dict[str, int]]] = []  # noqa: RUF012

        async def changed(self, kind: str, keys: Sequence[Key], position: int) -> None:
            self.told.append((kind, set(keys), position, await engine.received("tally_a")))

        async def tell(self) -> None: ...

    await engine.projector(tally("tally_a")).catch_up()
    head = await engine.receive(("C-1", 1), ("C-2", 2), ("C-1", 1))
    await engine.projector(tally("tally_a", cached_as="tallied"), cache=Cache()).catch_up()
    [(kind, keys, position, rows)] = Cache.told
    assert (kind, keys, position) == ("tallied", {("C-1",), ("C-2",)}, head)
    assert (rows["C-1"], rows["C-2"]) == (2, 2)
