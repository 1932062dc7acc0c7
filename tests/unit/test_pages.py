"""Pages of the book are read ahead, used if they are the ones asked for next, and else thrown away."""

import asyncio

import pytest

from events.stock import StockReceived
from events.values import Sku
from infrastructure.event_store import Page
from infrastructure.pages import Pages
from tests.unit.told_rows import recorded

NOTHING: frozenset[str] = frozenset()


class Book:
    """A book of ten facts that says what is read of it."""

    def __init__(self) -> None:
        self.facts = recorded([StockReceived(Sku("A"), 1)] * 10)
        self.asked: list[int] = []
        self.open = asyncio.Event()
        self.open.set()
        self.cancelled = 0

    async def read_page(self, after: int, *, limit: int, but: frozenset[str]) -> Page:
        self.asked.append(after)
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if after == 8:
            raise OSError("gone")
        facts = self.facts[after : after + limit]
        return Page(facts, after + len(facts), full=len(facts) == limit)


@pytest.fixture
async def book() -> Book:
    return Book()


def paged(book: Book, page_facts: int = 4) -> Pages:
    return Pages(book, page_facts)


async def test_the_page_behind_is_read_meanwhile_and_only_once(book: Book) -> None:
    async with paged(book) as pages:
        first = await pages.after(0, NOTHING)
        assert ([fact.position for fact in first.facts], first.end, first.full) == ([1, 2, 3, 4], 4, True)
        await asyncio.sleep(0.01)
        assert book.asked == [0, 4]
        book.open.clear()
        second = await pages.after(first.end, NOTHING, ahead=False)
        assert [fact.position for fact in second.facts] == [5, 6, 7, 8]
        assert book.asked == [0, 4]


async def test_what_was_read_ahead_for_another_place_is_not_handed_out(book: Book) -> None:
    async with paged(book) as pages:
        await pages.after(0, NOTHING)
        await asyncio.sleep(0.01)
        other = await pages.after(1, NOTHING, ahead=False)
        assert [fact.position for fact in other.facts] == [2, 3, 4, 5]
        fewer = await pages.after(4, frozenset({"StockReceived"}), ahead=False)
        assert book.asked == [0, 4, 1, 4]
        assert fewer.end == 8


async def test_a_page_at_the_end_is_short_and_nothing_is_read_behind_it(book: Book) -> None:
    async with paged(book, page_facts=7) as pages:
        last = await pages.after(7, NOTHING)
        assert (len(last.facts), last.end, last.full) == (3, 10, False)
        beyond = await pages.after(10, NOTHING)
        assert (beyond.facts, beyond.end, beyond.full) == ([], 10, False)
        await asyncio.sleep(0.01)
    assert book.asked == [7, 10]


async def test_an_error_of_the_page_behind_is_that_page_s_and_does_not_last(book: Book) -> None:
    async with paged(book) as pages:
        page = await pages.after(4, NOTHING)
        await asyncio.sleep(0.01)
        assert book.asked == [4, 8]
        for _ in range(2):
            with pytest.raises(OSError):
                await pages.after(page.end, NOTHING)
        assert book.asked == [4, 8, 8]


async def test_nothing_goes_on_being_read_after_the_end(book: Book) -> None:
    async with paged(book) as pages:
        await pages.after(0, NOTHING)
        book.open.clear()
        pages_task = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert book.asked == [0, 4]
    assert book.cancelled == 1
    assert all(task.done() for task in pages_task)
