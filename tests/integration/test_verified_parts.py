"""A book is judged as a whole, in parts, in pages of any size, and while it grows."""

from collections.abc import AsyncIterator

import pytest

from infrastructure.verification import reading, streams
from tests.integration.sealed_book import FACTS, SealedBook, open_book, swapped


@pytest.fixture
async def book(database_url: str) -> AsyncIterator[SealedBook]:
    async with open_book(database_url) as book:
        yield book


async def test_a_part_of_the_book_is_judged_in_whole_seals(book: SealedBook) -> None:
    await book.change("UPDATE facts SET body = '{}' WHERE position IN (20, 70)")
    part = await book.report(first=40, last=50)
    assert (part.first, part.last, part.facts, part.seals, part.unsealed) == (33, 64, 32, 2, 0)
    assert part.sound
    assert await book.found(first=30, last=33) == [("fact_changed", 20, 20)]
    assert await book.found(first=65) == [("fact_changed", 70, 70)]
    tail = await book.report(first=98)
    assert (tail.first, tail.last, tail.seals, tail.unsealed, tail.sound) == (98, 100, 0, 3, True)


async def test_parts_that_follow_on_each_other_find_what_the_whole_finds(book: SealedBook) -> None:
    await book.change(
        "UPDATE facts SET body = '{}' WHERE position = 20", "DELETE FROM seals WHERE number = 4", "DELETE FROM streams"
    )
    whole, parts, position = set(await book.found()), set(), 1
    while position <= FACTS:
        parts |= set(await book.found(first=position, max_facts=10))
        position = (await book.report(first=position, max_facts=10)).last + 1
    assert whole <= parts


@pytest.mark.parametrize(
    "change", ["SELECT 1", "DELETE FROM facts WHERE position = 37", swapped("facts", "position", 41, 51)]
)
async def test_what_is_found_does_not_hang_on_how_much_fits_into_a_page(
    book: SealedBook, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    await book.change(change)
    found = await book.found()
    monkeypatch.setattr(reading, "PAGE_FACTS", 7)
    monkeypatch.setattr(reading, "PAGE_SEALS", 2)
    monkeypatch.setattr(streams, "MAX_KNOWN_STREAMS", 3)
    monkeypatch.setattr(streams, "PAGE_STREAMS", 4)
    assert await book.found() == found


async def test_parts_outside_the_book_hold_nothing(book: SealedBook) -> None:
    report = await book.report(first=5_000)
    assert (report.facts, report.unsealed, report.sound) == (0, 0, True)
    async with open_book(book.url, facts=0, sealed=0) as empty:
        report = await empty.report()
        assert (report.first, report.last, report.facts, report.newest_seal, report.sound) == (1, 0, 0, None, True)


async def test_a_book_is_judged_while_it_grows(book: SealedBook) -> None:
    seen: list[tuple[int, int]] = []
    report = await book.report(on_progress=lambda done, there: seen.append((done, there)))
    await book.append(30)
    await book.sealer().catch_up()
    assert (report.last, seen[-1]) == (100, (100, 100))
    assert (await book.report()).sound
