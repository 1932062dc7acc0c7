"""Full parts of the book go out into files and come back, and nothing is ever silently missing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.archived_book import PART, ArchivedBook, open_archived_book
from tests.integration.book import flaws

FIRST = """SELECT stream FROM facts WHERE stream LIKE $1 || '-%' ORDER BY position LIMIT 1"""


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
    assert len(await book.dump()) == len(before) - sum(PART - each.kept for each in made)
    await book.settle()
    report = await book.report()
    assert report.sound, report.findings
    assert report.archived == sum(PART - each.kept for each in made)
    for each in made:
        await book.restore(each)
    assert await book.dump() == before
    assert await flaws(book.url) == []
    assert await book.pool.fetchval("SELECT count(*) FROM archives") == 0
    await book.settle()
    report = await book.report()
    assert (report.sound, report.archived, report.archives) == (True, 0, [])
