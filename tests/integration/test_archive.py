"""Full parts of the book go out into files and come back, and nothing is ever silently missing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from commands.cart import carts
from commands.order import orders
from commands.stock import stocks
from events.cart import CartLineAdded
from events.order import OrderPlaced, OrderShipped
from events.store import Append, PositionsArchived, StreamArchived
from events.values import CartId, OrderId, ProductId, Sku
from infrastructure.archive.creating import Keeping
from infrastructure.archive.judging import check_file
from infrastructure.archive.partitions import Busy, open_workshop
from infrastructure.feed import position_at, read_feed
from infrastructure.proofs import prove
from infrastructure.rebuild import rebuild
from infrastructure.snapshots import Snapshots
from infrastructure.verification import Kind
from projections.stock_level import stock_level
from tests.integration.archived_book import PART, ArchivedBook, life, open_archived_book
from tests.integration.book import flaws, tail
from tests.integration.sealed_book import KEYRING

FIRST = "SELECT stream FROM facts WHERE stream LIKE $1 || '-%' ORDER BY position LIMIT 1"


@pytest.fixture
async def book(own_database_url: str, tmp_path: Path) -> AsyncIterator[ArchivedBook]:
    async with open_archived_book(own_database_url, tmp_path / "archives") as book:
        yield book


async def first(book: ArchivedBook, category: str) -> str:
    """The identity in the first stream of this category."""
    stream: str = await book.pool.fetchval(FIRST, category)
    return stream.removeprefix(f"{category}-")


async def test_what_went_out_comes_back_as_it_was(book: ArchivedBook) -> None:
    before = await book.dump()
    made = await book.archive()
    assert [each.path.name for each in made] == [
        f"facts-{first}-{first + PART - 1}.ndjson.gz" for first in range(1, 301, PART)
    ]
    assert all(each.checked.facts == PART and 0 < each.kept < PART for each in made)
    gone = sum(PART - each.kept for each in made)
    assert len(await book.dump()) == len(before) - gone
    await book.settle()
    report = await book.report()
    assert (report.sound, report.archived) == (True, gone), report.findings
    assert [(each.first, each.last) for each in report.archives] == [(n, n + PART - 1) for n in range(1, 301, PART)]
    for each in made:
        await book.restore(each)
    assert await book.dump() == before
    assert await flaws(book.url) == []
    await book.settle()
    report = await book.report()
    assert (report.sound, report.archived, report.archives) == (True, 0, [])


async def test_a_part_may_go_out_again_and_is_the_same_file(book: ArchivedBook) -> None:
    before = await book.dump()
    (made,) = await book.archive(to_position=PART)
    first_file = made.path.read_bytes()
    await book.restore(made)
    (again,) = await book.archive(to_position=PART)
    assert again.path.read_bytes() == first_file
    await book.restore(again)
    assert await book.dump() == before


async def test_what_stays_is_what_goes_on_and_the_last_word_of_what_has_ended(book: ArchivedBook) -> None:
    await book.archive(to_position=PART)
    left = await book.pool.fetch("SELECT type, count(*) FROM facts WHERE position <= $1 GROUP BY type", PART)
    # Six lives, and the beginning of a seventh whose order is still open at the end of the part.
    assert dict(map(tuple, left)) == {
        "StockReceived": 6,
        "StockReserved": 6,
        "CartCheckedOut": 6,
        "OrderCompleted": 5,
        "OrderCancelled": 1,
        "CartOpened": 1,
        "CartLineAdded": 1,
    }


async def test_only_what_everybody_has_passed_goes_out(book: ArchivedBook) -> None:
    assert await book.archive(to_position=PART - 1) == []
    for held_back in (
        "UPDATE projections SET position = 49 WHERE name = 'product'",
        "UPDATE projections SET position = 49 WHERE name = 'fulfilment'",
        "DELETE FROM projections WHERE name = 'sale'",
        "INSERT INTO projections (name, position) VALUES ('sale__new', 3)",
        "UPDATE projections SET position = 49 WHERE name = 'seal'",
        "DELETE FROM seals WHERE last_position > 40",
        """INSERT INTO parked (projection, key, position, stream, version, type)
           VALUES ('sale', 'k', 50, 'order-x', 1, 'OrderPlaced')""",
        "UPDATE head SET position = 50",
    ):
        await book.admin.execute("CREATE TABLE IF NOT EXISTS kept_seals AS SELECT * FROM seals")
        await book.admin.execute(held_back)
        assert await book.archive() == [], held_back
        await book.admin.execute(
            """UPDATE head SET position = (SELECT max(position) FROM facts); DELETE FROM parked;
               DELETE FROM projections WHERE name = 'sale__new';
               INSERT INTO seals SELECT * FROM kept_seals ON CONFLICT DO NOTHING"""
        )
        await book.pass_by()
        await book.admin.execute("UPDATE projections SET position = (SELECT position FROM head)")
    # What a rebuild has replaced is kept where it was, and holds nothing back.
    await book.admin.execute("INSERT INTO projections (name, position) VALUES ('sale__old', 3)")
    assert len(await book.archive()) == 6


async def test_ended_streams_are_refused_and_all_others_go_on(book: ArchivedBook) -> None:
    order, cart = OrderId(await first(book, "order")), CartId(await first(book, "cart"))
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
    assert len(await book.store.read_page(end, limit=1_000, but=[])) == head - end
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


async def test_one_archive_is_made_at_a_time_and_a_crash_leaves_nothing(book: ArchivedBook) -> None:
    async with open_workshop(book.url):
        with pytest.raises(Busy):
            await book.archive()
    await book.admin.execute("CREATE TABLE facts_from_1_next (LIKE facts); CREATE TABLE facts_from_1_nexts ()")
    assert len(await book.archive()) == 6
    left = await book.pool.fetch("SELECT relname FROM pg_class WHERE relname ~ '_next' AND relkind = 'r'")
    assert [row[0] for row in left] == ["facts_from_1_nexts"]
    assert [path.name for path in book.directory.iterdir() if path.name.startswith(".")] == []


async def test_an_order_that_goes_on_after_all_is_kept_as_a_whole(
    book: ArchivedBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Money may come late, between the choice of what stays and the exchange."""
    order, catch_up = OrderId(await first(book, "order")), Keeping.catch_up

    async def and_then(self: Keeping) -> None:
        await catch_up(self)
        await book.store.append(Append([OrderShipped(order, "again")]))

    monkeypatch.setattr(Keeping, "catch_up", and_then)
    (made,) = await book.archive(to_position=PART)
    assert [fact.version for fact in await book.store.read([orders(order).stream])] == [1, 2, 3, 4]
    stayed = await book.pool.fetchval("SELECT count(*) FROM facts WHERE position <= $1", PART)
    assert (stayed, made.kept) == (made.kept, stayed)
    await book.settle()
    assert (await book.report()).findings == []


async def test_archiving_and_restoring_beside_writers_and_readers(book: ArchivedBook) -> None:
    before, begin, stop = await book.dump(), await book.store.head(), asyncio.Event()
    seen = list(await book.store.read_all(begin - 1, limit=1))
    reading = asyncio.create_task(tail(book.store, seen, stop))

    async def writing() -> None:
        while not done.is_set():
            await book.live(1)

    done = asyncio.Event()
    writers = [asyncio.create_task(writing()) for _ in range(3)]
    made = await book.archive(to_position=3 * PART)
    for each in made:
        await book.restore(each)
    made = await book.archive(to_position=3 * PART)
    assert len(made) == 3
    for each in made:
        await book.restore(each)
    done.set()
    await asyncio.gather(*writers)
    stop.set()
    await asyncio.wait_for(reading, 20)
    head = await book.store.head()
    assert head > begin + 50
    assert [fact.position for fact in seen] == list(range(begin, head + 1))
    assert (await book.dump())[: len(before)] == before
    assert await flaws(book.url) == []
    await book.settle()
    assert (await book.report()).sound


async def test_an_exchange_waits_for_a_long_read_without_holding_up_appends(book: ArchivedBook) -> None:
    async with book.admin.transaction():
        await book.admin.fetchval("SELECT count(*) FROM facts")
        archiving = asyncio.create_task(book.archive(to_position=PART))
        slowest = 0.0
        for _ in range(20):
            began = asyncio.get_running_loop().time()
            await book.store.append(Append(life("slow")[:1]))
            slowest = max(slowest, asyncio.get_running_loop().time() - began)
            await asyncio.sleep(0.1)
        assert not archiving.done()
        assert slowest < 1.5
    assert len(await archiving) == 1
    assert type((await book.store.read_all(await book.store.head() - 1, limit=1))[0].event).__name__ == "FactsArchived"


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
        ("UPDATE seals SET digests = set_byte(digests, 3, 7) WHERE number = 1", Kind.DIGESTS_CHANGED),
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


async def test_the_book_knows_of_what_it_was_told(book: ArchivedBook) -> None:
    (made,) = await book.archive(to_position=PART)
    await book.restore(made)
    told = [fact.event for fact in await book.store.read([f"archive-{made.path.name}"])]
    assert [type(event).__name__ for event in told] == ["FactsArchived", "FactsRestored"]
    assert getattr(told[0], "sha256", "") == made.checked.sha256
    placed = await book.store.read_all(0, limit=10, types=[OrderPlaced.__name__])
    assert len(placed) == 10
