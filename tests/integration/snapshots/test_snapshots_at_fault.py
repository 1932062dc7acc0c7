"""Nothing that is wrong with a snapshot is believed, and nothing that hinders one hurts."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from commands.decider import Fold, Ref
from commands.states import Known
from commands.stock import AdjustStock, Stock, stocks
from events.claim import NameClaimed
from events.stock import StockReserved
from events.store import Append
from events.values import OrderId
from infrastructure.database import Pool, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.snapshots import Snapshots
from tests.integration.book import open_handler, open_store
from tests.integration.long_stocks import LONG, kept, kept_versions, received, sku_of, written


async def test_another_fold_keeps_its_own_and_reads_no_others(
    store: PostgresEventStore, states: Snapshots, pool: Pool, stock: Ref[Stock]
) -> None:
    """As in a rolling deployment: neither overwrites what the other has kept."""

    def counted(stock: Stock, event: Any) -> Stock:
        return Stock(stock.on_hand + 1, stock.reserved)

    await kept(store, states, stock)
    fold = Fold("stock", Stock(), counted)
    other, its_stock = Snapshots(pool, [fold]), Ref(stock.stream, fold)
    for _ in range(2):
        assert await other.read([its_stock]) == {stock.stream: Known(LONG, Stock(LONG))}
        await written(other)
        assert await states.read([stock]) == {stock.stream: Known(LONG, Stock(402))}
    assert await pool.fetchval("SELECT count(*) FROM snapshots WHERE stream = $1", stock.stream) == 2


@pytest.mark.parametrize(
    "damage",
    [
        """state = '{"on_hand":9,"reserved":0}'""",
        "state = '{}'",
        "state = '[1]'",
        "version = version - 1",
        "digest = ''",
    ],
)
async def test_a_damaged_snapshot_is_told_of_and_replaced(
    store: PostgresEventStore, states: Snapshots, pool: Pool, stock: Ref[Stock], damage: str
) -> None:
    await store.append(Append(received(stock, 3)))
    states._keep(stock, Known(3, Stock(6)))
    await written(states)
    await pool.execute(f"UPDATE snapshots SET {damage} WHERE stream = $1", stock.stream)
    for complaints in (["snapshot_damaged"], []):
        with capture_logs() as logs:
            assert await states.read([stock]) == {stock.stream: Known(3, Stock(6))}
            await written(states)
        assert [entry["event"] for entry in logs] == complaints


async def test_a_snapshot_of_another_stream_is_not_believed(
    store: PostgresEventStore, states: Snapshots, pool: Pool, stock: Ref[Stock], name: str
) -> None:
    await kept(store, states, stock)
    other = stocks(f"{name}-other", "main")
    await store.append(Append([StockReserved(sku_of(other), OrderId("ord_1"), 7), *received(other, LONG)]))
    await pool.execute("UPDATE snapshots SET stream = $2 WHERE stream = $1", stock.stream, other.stream)
    assert await states.read([other]) == {other.stream: Known(LONG + 1, Stock(402, 7))}


async def test_one_that_decodes_to_nothing_is_replayed(
    store: PostgresEventStore, states: Snapshots, pool: Pool, stock: Ref[Stock]
) -> None:
    """The digest is right and the state is not: a mistake of ours, such as a FORMAT that was not raised."""
    await kept(store, states, stock)
    codec = states._codecs[stocks]
    digest = codec._digest(stock.stream, LONG, '{"on_hand":"many"}')
    await pool.execute(
        "UPDATE snapshots SET state = $2, digest = $3 WHERE stream = $1", stock.stream, '{"on_hand":"many"}', digest
    )
    with capture_logs() as logs:
        assert await states.read([stock]) == {stock.stream: Known(LONG, Stock(402))}
    assert [entry["event"] for entry in logs] == ["snapshot_damaged"]


async def test_a_snapshot_ahead_of_its_stream_is_not_read(
    store: PostgresEventStore, states: Snapshots, pool: Pool, stock: Ref[Stock]
) -> None:
    await kept(store, states, stock)
    states._keep(stock, Known(LONG + 1, Stock(9)))
    await written(states)
    assert await states.read([stock]) == {stock.stream: Known(LONG, Stock(402))}
    await written(states)
    assert await kept_versions(pool, stock) == {stock.stream: LONG}


async def test_a_fact_that_is_missing_is_not_passed_over(
    store: PostgresEventStore, own_database_url: str, stock: Ref[Stock]
) -> None:
    async with open_store(own_database_url) as store, open_pool(own_database_url, 2) as pool:
        await store.append(Append(received(stock, 3)))
        await pool.execute("ALTER TABLE facts DISABLE TRIGGER USER; DELETE FROM facts WHERE version = 2")
        with pytest.raises(RuntimeError, match="fact 2 of"):
            await Snapshots(pool).read([stock])


async def test_what_cannot_be_kept_is_logged_and_hurts_nobody(
    database_url: str, store: PostgresEventStore, pool: Pool, stock: Ref[Stock]
) -> None:
    await pool.execute("ALTER TABLE snapshots ADD CONSTRAINT none CHECK (false) NOT VALID")
    try:
        with capture_logs() as logs:
            async with open_handler(database_url) as handler:
                await store.append(Append([NameClaimed(f"sku:{sku_of(stock)}", "prd_1"), *received(stock, LONG)]))
                await handler(AdjustStock(sku_of(stock), -1, "lost"))
                assert isinstance(handler._states, Snapshots)
                await written(handler._states)
                assert (await handler.read(stock)).on_hand == 401
    finally:
        await pool.execute("ALTER TABLE snapshots DROP CONSTRAINT none")
    assert {entry["event"] for entry in logs} == {"snapshots_not_kept"}


async def test_a_state_that_cannot_be_written_down_has_no_snapshot(states: Snapshots, stock: Ref[Stock]) -> None:
    with capture_logs() as logs:
        states.moved(stock, 0, Known(1_000, object()))
    assert [entry["event"] for entry in logs] == ["snapshot_not_kept"]
    assert not states._waiting
