"""Whoever reads a book of which parts are in archives gets all there is to it, or is told where the rest is."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from commands.cart import carts
from commands.handler import Handler
from commands.order import orders
from commands.stock import stocks
from events.cart import CartLineAdded
from events.store import Append, Metadata, PositionsArchived, StreamArchived
from events.values import CartId, OrderId, ProductId, Sku
from infrastructure import parking
from infrastructure.archive.judging import check_file
from infrastructure.feed import position_at, read_feed
from infrastructure.proofs import prove
from infrastructure.rebuild import rebuild
from infrastructure.snapshots import Snapshots
from infrastructure.verification import Kind
from projections.stock_level import stock_level
from tests.integration.archived_book import PART, ArchivedBook, open_archived_book
from tests.integration.sealed_book import KEYRING


@pytest.fixture
async def book(own_database_url: str, tmp_path: Path) -> AsyncIterator[ArchivedBook]:
    async with open_archived_book(own_database_url, tmp_path / "archives") as book:
        yield book


async def test_ended_streams_are_refused_and_all_others_go_on(book: ArchivedBook) -> None:
    order, cart = OrderId(await book.first("order")), CartId(await book.first("cart"))
    stock = await Snapshots(book.pool).read([stocks(Sku("TEA"), "main")])
    carts_before = await Snapshots(book.pool).read([carts(cart)])
    (made, *_) = await book.archive()
    archive = (1, PART, made.path.name, made.checked.sha256)
    states = Snapshots(book.pool)
    for read in (book.store.read([orders(order).stream]), states.read([orders(order)])):
        with pytest.raises(StreamArchived) as caught:
            await read
        (named,) = caught.value.archives
        assert (named.first, named.last, named.file, named.sha256) == archive
    assert await states.read([stocks(Sku("TEA"), "main")]) == stock
    # A cart that was ordered is empty, whatever was in it: it goes on from there.
    assert await states.read([carts(cart)]) == carts_before
    await book.store.append(Append([CartLineAdded(cart, Sku("TEA"), ProductId("prd_tea"), 2)]))
    assert [fact.version for fact in await book.store.read([carts(cart).stream])] == [3, 4]
    await book.restore(made)
    assert [fact.version for fact in await book.store.read([orders(order).stream])] == [1, 2, 3]
    assert [fact.version for fact in await book.store.read([carts(cart).stream])] == [1, 2, 3, 4]


async def test_nobody_reads_past_an_archive(book: ArchivedBook) -> None:
    *_, last = await book.archive(to_position=3 * PART)
    end = 3 * PART
    for after in (0, PART, end - 8):
        for read in (
            book.store.read_all(after, limit=10),
            book.store.read_all(after, limit=10, types=["StockReceived"]),
            book.store.stored_all(after, limit=10),
            book.store.read_page(after, limit=10, but=[]),
            read_feed(book.pool, after=after, limit=10, filters={}),
            read_feed(book.pool, after=after, limit=10, filters={"actor": "nobody"}),
            book.store.check_present(after),
        ):
            with pytest.raises(PositionsArchived) as caught:
                await read
            assert caught.value.archives[-1].file == last.path.name
    head = await book.store.head()
    assert [fact.position for fact in await book.store.read_all(end, limit=1_000)] == list(range(end + 1, head + 1))
    assert len((await book.store.read_page(end, limit=1_000, but=[])).facts) == head - end
    assert (await read_feed(book.pool, after=end, limit=1_000, filters={})).next_after == head
    assert await book.store.read_all(end, limit=1, types=["OrderPlaced"])


async def test_a_rebuild_says_at_once_what_it_lacks(book: ArchivedBook) -> None:
    (made,) = await book.archive(to_position=PART)
    with pytest.raises(PositionsArchived, match=made.path.name):
        await rebuild(book.pool, book.store, stock_level, owner="test")
    assert await book.pool.fetchval("SELECT to_regclass('stock_level__new')") is None
    await book.admin.execute("DELETE FROM projections WHERE name = 'stock_level__new'")
    await book.restore(made)
    await book.pass_by()
    rebuilt = await rebuild(book.pool, book.store, stock_level, owner="test")
    assert rebuilt.position == await book.store.head()
    assert await book.pool.fetchval("SELECT on_hand FROM stock_level") == 40


async def test_a_parked_fact_that_a_rollback_has_brought_back_is_not_lost_with_its_archive(book: ArchivedBook) -> None:
    (made,) = await book.archive(to_position=PART)
    stream = f"order-{await book.first('order')}"
    parked, behind = [
        await book.admin.fetchval(
            """INSERT INTO parked (projection, key, position, stream, version, type, error)
               VALUES ('sale', $1, $3, $2, 1, 'OrderPlaced', 'for a test') RETURNING id""",
            f"stream:{stream}",
            stream,
            position,
        )
        for position in (4, 5)
    ]
    with pytest.raises(PositionsArchived, match=made.path.name):
        await parking.retry(book.pool, book.store, parked)
    assert await book.pool.fetchval("SELECT count(*) FROM parked") == 2
    with pytest.raises(PositionsArchived, match=made.path.name):
        await parking.skip(
            book.pool, book.store, Handler(book.store), parked, reason="for a test", metadata=Metadata("test")
        )
    assert await book.pool.fetchval("SELECT array_agg(id) FROM parked") == [behind], (
        "what was skipped is out of the way"
    )
    await book.restore(made)
    await parking.retry(book.pool, book.store, behind)
    assert await book.pool.fetchval("SELECT count(*) FROM parked") == 0


async def test_a_time_that_only_an_archive_can_tell_of_is_no_position(book: ArchivedBook) -> None:
    times = [row[0] for row in await book.pool.fetch("SELECT recorded_at FROM facts ORDER BY position")]
    await book.archive(to_position=PART)
    assert times[PART - 1] < times[PART + 8]
    positions = [await position_at(book.pool, time) for time in (times[PART + 8], times[-1])]
    assert positions == [max(n for n, time in enumerate(times, 1) if time <= at) for at in (times[PART + 8], times[-1])]
    with pytest.raises(PositionsArchived):
        await position_at(book.pool, times[PART - 1] - timedelta(microseconds=1))


async def test_a_proof_of_an_archived_fact_is_in_the_archive(book: ArchivedBook) -> None:
    (made,) = await book.archive(to_position=PART)
    with pytest.raises(PositionsArchived, match=made.path.name):
        await prove(book.pool, 2)
    kept = await book.pool.fetchval("SELECT min(position) FROM facts")
    assert (await prove(book.pool, kept)).fact["position"] == kept


async def test_an_entry_that_the_book_does_not_tell_of_excuses_nothing(book: ArchivedBook) -> None:
    await book.archive(to_position=PART)
    await book.settle()
    assert (await book.report()).findings == []
    await book.change(
        f"DELETE FROM facts WHERE position BETWEEN {PART + 1} AND {2 * PART}",
        f"""INSERT INTO archives (first_position, last_position, file, sha256, facts, kept, recorded_to, archived_by)
            SELECT {PART + 1}, {2 * PART}, 'lost.gz', sha256, facts, 0, recorded_to, 'me' FROM archives""",
    )
    found = (await book.report()).findings
    assert (Kind.ARCHIVE_UNTOLD, PART + 1, 2 * PART) in [(each.kind, each.first, each.last) for each in found]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("UPDATE facts SET body = '{}' WHERE position = (SELECT min(position) FROM facts)", Kind.FACT_CHANGED),
        ("DELETE FROM facts WHERE position = (SELECT min(position) FROM facts)", Kind.FACT_MISSING),
        (
            "UPDATE seals SET digests = set_byte(digests, 3, 255 - get_byte(digests, 3)) WHERE number = 1",
            Kind.DIGESTS_CHANGED,
        ),
        ("UPDATE archives SET sha256 = 'x'", Kind.ARCHIVE_UNTOLD),
        ("UPDATE archives SET kept = 0", Kind.ARCHIVE_UNTOLD),
    ],
)
async def test_what_has_stayed_is_still_judged(book: ArchivedBook, change: str, kind: Kind) -> None:
    await book.archive(to_position=PART)
    await book.settle()
    assert (await book.report()).findings == []
    await book.change(change)
    assert kind in {each.kind for each in (await book.report()).findings}


async def test_a_file_is_judged_without_any_database(book: ArchivedBook) -> None:
    made = await book.archive()
    for each in made:
        checked = await check_file(each.path, KEYRING)
        assert checked.sound, checked.findings
        assert (checked.first, checked.last, checked.facts) == (each.checked.first, each.checked.last, PART)
