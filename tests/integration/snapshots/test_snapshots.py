"""Snapshots on a real database: which are kept and when, and what they save from being read."""

import asyncio

import pytest
from structlog.testing import capture_logs

from commands.decider import Ref
from commands.handler import Handler
from commands.rejections import StockWouldGoNegative
from commands.states import Known, Replayed
from commands.stock import AdjustStock, ReceiveStock, Stock, stocks
from commands.user import users
from events import Event
from events.claim import NameClaimed
from events.stock import StockReserved
from events.store import Append
from events.user import RoleGranted, UserRegistered
from events.values import OrderId, UserId
from infrastructure import snapshots
from infrastructure.codec import FactTranscoder
from infrastructure.database import Pool, connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.snapshots import READ, REPLAYED_MAX, Snapshots
from tests.integration.book import open_handler, open_store
from tests.integration.long_stocks import LONG, kept, kept_versions, received, sku_of, written
from tests.unit.shop import refused


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The types of all facts that were read."""
    types: list[str] = []

    def decode_fact(self: FactTranscoder, type_name: str, version: int, body: bytes | str) -> Event:
        types.append(type_name)
        return original(self, type_name, version, body)

    original = FactTranscoder.decode_fact
    monkeypatch.setattr(FactTranscoder, "decode_fact", decode_fact)
    return types


async def test_a_long_stream_is_folded_once(
    store: PostgresEventStore, states: Snapshots, pool: Pool, stock: Ref[Stock], decoded: list[str]
) -> None:
    await kept(store, states, stock)
    assert await kept_versions(pool, stock) == {stock.stream: LONG}
    assert len(decoded) == LONG
    await store.append(Append([StockReserved(sku_of(stock), OrderId("ord_1"), 5)]))
    decoded.clear()
    assert await states.read([stock]) == {stock.stream: Known(LONG + 1, Stock(402, 5))}
    assert decoded == ["StockReserved"]


async def test_a_short_stream_is_not_kept(
    store: PostgresEventStore, states: Snapshots, pool: Pool, stock: Ref[Stock]
) -> None:
    await kept(store, states, stock, REPLAYED_MAX)
    assert await kept_versions(pool, stock) == {}
    await store.append(Append(received(stock, 1)))
    await states.read([stock])
    await written(states)
    await kept(store, states, stock, REPLAYED_MAX)
    assert await kept_versions(pool, stock) == {stock.stream: LONG}


async def test_many_are_read_together_each_from_where_it_was_kept(
    store: PostgresEventStore, states: Snapshots, name: str
) -> None:
    refs = [stocks(f"{name}-{n}", "main") for n in range(4)]
    await kept(store, states, refs[0])
    await kept(store, states, refs[1], 3)
    await kept(store, states, refs[2])
    await store.append(Append([*received(refs[2], 3), NameClaimed(f"{name}-{2}", "me")]))
    whole, part, nothing = await asyncio.gather(states.read(refs), states.read([refs[2], refs[2]]), states.read([]))
    expected = [Known(LONG, Stock(402)), Known(3, Stock(6)), Known(LONG + 3, Stock(408)), Known(0, Stock())]
    assert whole == {ref.stream: known for ref, known in zip(refs, expected, strict=True)}
    assert (part, nothing) == ({refs[2].stream: expected[2]}, {})


async def test_decisions_rest_on_snapshot_and_tail(
    database_url: str, store: PostgresEventStore, states: Snapshots, stock: Ref[Stock], decoded: list[str]
) -> None:
    await kept(store, states, stock)
    sku = sku_of(stock)
    await store.append(Append([NameClaimed(f"sku:{sku}", "prd_1"), *received(stock, 1)]))
    decoded.clear()
    async with open_handler(database_url) as handler:
        with refused(StockWouldGoNegative, sku=sku, delta=-405, available=404):
            await handler(AdjustStock(sku, -405, "gone"))
        done = await handler(AdjustStock(sku, -404, "gone"))
    assert done.versions[stock.stream] == LONG + 2
    assert len(decoded) == 2
    assert await Replayed(store).read([stock]) == {stock.stream: Known(LONG + 2, Stock(0))}


async def test_a_stream_that_stays_in_memory_is_kept_at_every_mark(
    database_url: str, pool: Pool, stock: Ref[Stock], monkeypatch: pytest.MonkeyPatch, store: PostgresEventStore
) -> None:
    monkeypatch.setattr(snapshots, "KEPT_EVERY", 10)
    sku, versions = sku_of(stock), []
    await store.append(Append([NameClaimed(f"sku:{sku}", "prd_1")]))
    async with open_handler(database_url) as handler:
        for _ in range(12):
            await handler(*[ReceiveStock(sku, 1)] * 3)
            assert isinstance(handler._states, Snapshots)
            await written(handler._states)
            versions.append((await kept_versions(pool, stock)).get(stock.stream))
    assert versions == [None, None, None, 12, 12, 12, 21, 21, 21, 30, 30, 30]


async def test_what_may_be_personal_is_never_kept(
    store: PostgresEventStore, states: Snapshots, pool: Pool, name: str
) -> None:
    user = UserId(f"usr_{name}")
    await store.append(Append([UserRegistered(user, "a@example.org"), *[RoleGranted(user, "staff")] * LONG]))
    known = (await states.read([users(user)]))[users(user).stream]
    await written(states)
    states.moved(users(user), 0, Known(10_000, known.state))
    assert (known.version, states._waiting) == (LONG + 1, {})
    assert await kept_versions(pool, users(user)) == {}


async def test_of_what_waits_the_newest_is_kept_and_not_too_much(
    states: Snapshots, pool: Pool, stock: Ref[Stock], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "WAITING_MAX", 1)
    other = stocks(f"{name}-other", "main")
    for thousand, ref in enumerate([stock, other, stock], 1):
        states.moved(ref, 0, Known(thousand * 1_000, Stock(thousand)))
    await written(states)
    rows = await pool.fetch(
        "SELECT stream, version FROM snapshots WHERE stream = ANY ($1)", [stock.stream, other.stream]
    )
    assert [tuple(row) for row in rows] == [(stock.stream, 3_000)]


async def test_at_the_end_nothing_goes_on(pool: Pool, stock: Ref[Stock], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "WRITE_AFTER_S", 60)
    states = Snapshots(pool)
    states.moved(stock, 0, Known(1_000, Stock(1)))
    writing = states._writing
    assert writing is not None
    await asyncio.wait_for(states.close(), 60)
    assert writing.cancelled()
    idle = Snapshots(pool)
    await idle.close()
    idle.moved(stock, 0, Known(1_000, Stock(1)))
    assert idle._writing is None
    assert await kept_versions(pool, stock) == {}


async def test_processes_that_write_and_keep_at_once_agree(
    database_url: str, store: PostgresEventStore, pool: Pool, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three handlers move the same stocks; whoever loses reads again, from what the others have kept meanwhile."""
    monkeypatch.setattr(snapshots, "REPLAYED_MAX", 0)
    monkeypatch.setattr(snapshots, "KEPT_EVERY", 2)
    refs = [stocks(f"{name}-{n}", "main") for n in range(3)]
    await store.append(Append([NameClaimed(f"sku:{sku_of(ref)}", "prd_1") for ref in refs]))
    await store.append(Append([fact for ref in refs for fact in received(ref, 20)]))

    async def take(handler: Handler, n: int) -> int:
        try:
            await handler(*[AdjustStock(sku_of(ref), -1, "taken") for ref in refs[n % 2 :]])
        except StockWouldGoNegative:
            return 0
        return 1

    async with (
        open_handler(database_url) as one,
        open_handler(database_url) as two,
        open_handler(database_url) as three,
    ):
        with capture_logs() as logs:
            taken = [await asyncio.gather(*(take(each, n) for each in (one, two, three))) for n in range(20)]
        assert sum(map(sum, taken)) == 40
        replayed = await Replayed(store).read(refs)
        assert replayed[refs[1].stream].state == Stock(0)
        assert await Snapshots(pool).read(refs) == replayed
    assert [entry for entry in logs if entry["event"] != "snapshots_not_kept"] == []
    assert (
        await pool.fetchval("SELECT count(*) FROM snapshots WHERE stream = ANY ($1)", [ref.stream for ref in refs]) == 3
    )


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_reading_looks_things_up_also_in_tables_that_were_never_analyzed(
    own_database_url: str, mode: str, stock: Ref[Stock]
) -> None:
    connection = await connect(own_database_url)
    await connection.execute(f"SET plan_cache_mode = {mode}")
    async with open_store(own_database_url) as store, open_pool(own_database_url, 2) as pool:
        states = Snapshots(pool)
        for name in ("of_nothing", "of_something"):
            await connection.execute(f"PREPARE {name} AS {READ}")
            plan = await connection.fetch(f"EXPLAIN EXECUTE {name} (ARRAY['{stock.stream}', 'b'], '{{x}}')")
            lines = "\n".join(row[0] for row in plan)
            assert "Scan" in lines
            assert "Seq Scan" not in lines, lines
            await kept(store, states, stock, 2_000)
        await states.close()
    await connection.close()
