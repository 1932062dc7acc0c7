"""Full parts of the book go out into files and come back, and nothing is ever silently missing."""

import asyncio
import statistics
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from commands.order import orders
from events import Event
from events.order import (
    OrderCancelled,
    OrderCompleted,
    OrderCredited,
    OrderPaid,
    OrderPartlyShipped,
    OrderPlaced,
    OrderReturned,
    OrderShipped,
    Returned,
)
from events.payment import PaymentCaptured, PaymentRefunded, PaymentVoided, RefundFailed
from events.store import Append, StreamArchived
from events.values import Money, OrderId, PaymentId, RefundId, ReturnId, Sku, UserId
from infrastructure.archive.creating import Keeping
from infrastructure.archive.partitions import Busy, open_workshop
from tests.integration.archived_book import PART, ArchivedBook, life, open_archived_book
from tests.integration.book import flaws, tail

SKU, PAYMENT, PAID = Sku("TEA"), PaymentId("pay_1"), Money(500, "EUR")
ORDER = OrderId("ord_refunded")
ordered = OrderPlaced(ORDER, UserId("usr_ann"), (), PAID)
bought = (PaymentCaptured(ORDER, PAYMENT, PAID, "ref"), OrderPaid(ORDER, PAYMENT, PAID))
sent_a_part, sent, complete = OrderPartlyShipped(ORDER, ()), OrderShipped(ORDER), OrderCompleted(ORDER)
came_back = OrderReturned(ORDER, ReturnId("ret_1"), (Returned(SKU, 1, True, "main", PAID),), "why")
refunded = PaymentRefunded(ORDER, PAYMENT, Money(100, "EUR"), "ref", "why")
refund_failed = RefundFailed(ORDER, PAYMENT, RefundId("ref_1"), "no")
credited = OrderCredited(ORDER, "CN-2026-000001", Money(100, "EUR"))
voided, called_off = PaymentVoided(ORDER, PAYMENT), OrderCancelled(ORDER, "why")


@pytest.fixture
async def book(own_database_url: str, tmp_path: Path) -> AsyncIterator[ArchivedBook]:
    async with open_archived_book(own_database_url, tmp_path / "archives") as book:
        yield book


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


@pytest.mark.parametrize(
    ("facts", "has_ended"),
    [
        ((voided,), False),
        ((*bought, refunded), False),
        ((*bought, refunded, credited), False),
        ((*bought, sent_a_part, came_back), False),
        ((*bought, sent, came_back), False),
        ((*bought, sent, complete, refund_failed), False),
        ((*bought, sent, complete), True),
        ((*bought, sent, complete, came_back, refunded, credited), True),
        ((voided, called_off), True),
        ((called_off, voided), True),
    ],
    ids=lambda value: "-".join(type(each).__name__ for each in value) if isinstance(value, tuple) else "",
)
async def test_an_order_goes_out_when_nothing_is_left_to_do(
    book: ArchivedBook, facts: tuple[Event, ...], has_ended: bool
) -> None:
    """One that was refunded in part, or had a payment voided, may be yet to be sent."""
    await book.store.append(Append([ordered, *facts]))
    await book.live(PART // 8)
    await book.settle()
    await book.archive()
    try:
        assert len(await book.store.read([orders(ORDER).stream])) == 1 + len(facts)
        assert not has_ended
    except StreamArchived:
        assert has_ended


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
        """INSERT INTO parked (projection, key, position, stream, version, type)
           VALUES ('sale__new', 'k', 50, 'order-x', 1, 'OrderPlaced')""",
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
    # What a rebuild has replaced is kept where it was, with what it lacks, and holds nothing back.
    await book.admin.execute(
        """INSERT INTO projections (name, position) VALUES ('sale__old', 3);
           INSERT INTO parked (projection, key, position, stream, version, type)
           VALUES ('sale__old', 'k', 50, 'order-x', 1, 'OrderPlaced')"""
    )
    assert len(await book.archive()) == 6


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
    order, catch_up = OrderId(await book.first("order")), Keeping.catch_up

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
    await asyncio.wait_for(reading, 60)
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
        took = []
        for _ in range(20):
            began = asyncio.get_running_loop().time()
            await book.store.append(Append(life("slow")[:1]))
            took.append(asyncio.get_running_loop().time() - began)
            await asyncio.sleep(0.1)
        assert not archiving.done()
        assert statistics.median(took) < 1.5
    assert len(await archiving) == 1
    assert type((await book.store.read_all(await book.store.head() - 1, limit=1))[0].event).__name__ == "FactsArchived"


async def test_the_book_knows_of_what_it_was_told(book: ArchivedBook) -> None:
    (made,) = await book.archive(to_position=PART)
    await book.restore(made)
    told = [fact.event for fact in await book.store.read([f"archive-{made.path.name}"])]
    assert [type(event).__name__ for event in told] == ["FactsArchived", "FactsRestored"]
    assert getattr(told[0], "sha256", "") == made.checked.sha256
    placed = await book.store.read_all(0, limit=10, types=[OrderPlaced.__name__])
    assert len(placed) == 10
