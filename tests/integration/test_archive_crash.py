"""A process that dies between any two steps of archiving or restoring leaves a sound book; the next run finishes."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.archived_book import PART, ArchivedBook, open_archived_book
from tests.integration.book import flaws
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE

# Dies before or after the first call of a function; asyncio or a thread makes no difference to SIGKILL.
PROGRAM = """
import asyncio, importlib, os, signal, sys
from pathlib import Path
from infrastructure.archive.creating import create
from infrastructure.archive.restoring import restore
from tests.integration.archived_book import KEYRING

what, when, place, url, path = sys.argv[1:]
module_name, name = place.split(":")
*owners, name = name.split(".")
owner = importlib.import_module(module_name)
for each in owners:
    owner = getattr(owner, each)
called = getattr(owner, name)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def dying(*args, **kwargs):
    if when == "before":
        die()
    done = called(*args, **kwargs)
    if not asyncio.iscoroutine(done):
        die()
    async def awaited():
        await done
        die()
    return awaited()

setattr(owner, name, dying)

async def main():
    if what == "restore":
        await restore(url, KEYRING, Path(path))
    else:
        [made async for made in create(url, KEYRING, Path(path))]

asyncio.run(main())
"""

CREATING, RESTORING, EXCHANGING = (f"infrastructure.archive.{name}" for name in ("creating", "restoring", "partitions"))


@pytest.fixture
async def book(own_database_url: str, tmp_path: Path) -> AsyncIterator[ArchivedBook]:
    async with open_archived_book(own_database_url, tmp_path / "archives", orders=14) as book:
        yield book


def killed(what: str, when: str, place: str, url: str, path: Path) -> None:
    program = [sys.executable, "-c", PROGRAM, what, when, place, url, str(path)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


async def assert_sound(book: ArchivedBook) -> None:
    await book.settle()
    report = await book.report()
    assert report.sound, report.findings


@pytest.mark.parametrize(
    ("when", "place", "archived"),
    [
        ("after", f"{CREATING}:Writer", 0),
        ("after", f"{CREATING}:Writer.facts", 0),
        ("after", f"{CREATING}:Writer.end", 0),
        ("after", f"{CREATING}:check_file", 0),
        ("after", f"{CREATING}:_name", 0),
        ("after", f"{CREATING}:make_next", 0),
        ("after", f"{CREATING}:Keeping.keep", 0),
        ("after", f"{EXCHANGING}:_exchange", 0),  # all has been said, and nothing is committed
        ("after", f"{CREATING}:exchange", 1),
    ],
)
async def test_archiving(book: ArchivedBook, when: str, place: str, archived: int) -> None:
    before = await book.dump()
    killed("create", when, place, book.url, book.directory)
    assert await book.pool.fetchval("SELECT count(*) FROM archives") == archived
    if not archived:
        assert await book.dump() == before
        assert await flaws(book.url) == []
    await assert_sound(book)
    made = await book.archive()
    assert len(made) == 2 - archived
    await assert_sound(book)
    await assert_swept(book)
    for path in sorted(book.directory.iterdir()):
        await book.restore_file(path)
    assert await book.dump() == before
    assert await flaws(book.url) == []


@pytest.mark.parametrize(
    ("when", "place", "restored"),
    [
        ("after", f"{RESTORING}:make_next", False),
        ("after", f"{RESTORING}:_slice", False),
        ("after", f"{RESTORING}:_load", False),
        ("before", f"{RESTORING}:_put_back", False),
        ("after", f"{EXCHANGING}:_exchange", False),
        ("after", f"{RESTORING}:_put_back", True),
    ],
)
async def test_restoring(book: ArchivedBook, when: str, place: str, restored: bool) -> None:
    before = await book.dump()
    (made,) = await book.archive(to_position=PART)
    left = await book.dump()
    killed("restore", when, place, book.url, made.path)
    assert await book.dump() == (before if restored else left)
    await assert_sound(book)
    if not restored:
        await book.restore(made)
    assert await book.dump() == before
    assert await flaws(book.url) == []
    (again,) = await book.archive(to_position=PART)
    assert again.kept == made.kept
    await assert_swept(book)


async def assert_swept(book: ArchivedBook) -> None:
    tables = await book.pool.fetchval("SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '_next$'")
    assert (tables, [path for path in book.directory.iterdir() if path.name.startswith(".")]) == (0, [])
