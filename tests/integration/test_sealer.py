"""The sealer: behind the head, one at a time, whatever happens to it, and never on top of a book that is not sound."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator

import asyncpg
import pytest

from infrastructure.keyring import Keyring
from infrastructure.leases import LeaseLost
from infrastructure.sealer import NAME, Sealer, Unsealable
from tests.integration.sealed_book import KEYRING, SEAL_FACTS, STRANGER, SealedBook, open_book
from tests.waiting import eventually

LAPSE = "UPDATE projections SET lease_until = '-infinity' WHERE name = 'seal'"
SIX_SEALS = [(n, (n - 1) * SEAL_FACTS + 1, n * SEAL_FACTS) for n in range(1, 7)]

# A worker that seals one small seal at a time, for ever: its end comes from outside.
WORKER = """
import asyncio, sys
from infrastructure import sealer
from infrastructure.database import open_pool
from infrastructure.keyring import Keyring
from infrastructure.positions import Positions
from tests.integration.book import open_store
sealer.PAGE_SEALS = 1
async def work(url):
    async with open_store(url) as store, open_pool(url, 2) as pool:
        await sealer.Sealer(pool, store, Positions(), Keyring(b"k" * 32), owner="doomed", seal_facts=2).run()
asyncio.run(work(sys.argv[1]))
"""


@pytest.fixture
async def book(database_url: str) -> AsyncIterator[SealedBook]:
    async with open_book(database_url, facts=0, sealed=0) as book:
        yield book


@contextlib.asynccontextmanager
async def running(*sealers: Sealer) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(sealer.run()) for sealer in sealers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_full_seals_are_made_at_once_and_the_rest_when_it_has_waited(book: SealedBook) -> None:
    await book.append(SEAL_FACTS * 2 + 3)

    async def sealed(seals: int) -> bool:
        return len(await book.seals()) == seals

    async with running(book.sealer(within_s=60)):
        await eventually(lambda: sealed(2))
    async with running(book.sealer(within_s=0.1)):
        await eventually(lambda: sealed(3))
        await book.append(1)
        await eventually(lambda: sealed(4))
    assert await book.seals() == [*SIX_SEALS[:2], (3, 33, 35), (4, 36, 36)]
    report = await book.report()
    assert (report.sound, report.unsealed) == (True, 0)


async def test_a_sealer_wakes_up_for_what_other_processes_append(book: SealedBook) -> None:
    """It polls, if nobody tells it."""
    async with running(book.sealer(within_s=0.05)):
        await asyncio.sleep(0.1)
        await book.append(5)
        await eventually(lambda: _sealed_all(book))


async def test_of_two_sealers_one_seals(book: SealedBook) -> None:
    async with running(*(book.sealer(owner=f"s{n}", within_s=0.02) for n in range(4))):
        for _ in range(30):
            await book.append(7)
            await asyncio.sleep(0.01)
        await eventually(lambda: _sealed_all(book))
    assert await book.found() == []


async def test_a_sealer_that_was_taken_over_writes_nothing(book: SealedBook) -> None:
    await book.append(SEAL_FACTS * 2)
    late, present = book.sealer(owner="late"), book.sealer(owner="present")
    await late._leases.prepare()
    await late._leases.take()
    lease = late._leases.held[NAME]
    await late._resume(lease)
    await book.admin.execute(LAPSE)
    await present.catch_up()
    with pytest.raises(LeaseLost):
        await late._seal_page(lease, SEAL_FACTS * 2)
    assert await book.seals() == SIX_SEALS[:2]
    assert await book.found() == []


async def test_two_that_stand_at_the_same_place_cannot_both_seal_it(book: SealedBook) -> None:
    """The one that comes second waits for the first one's transaction, and then finds that it is too late."""
    await book.append(SEAL_FACTS)
    late, present = book.sealer(owner="late"), book.sealer(owner="present")
    for sealer in (late, present):
        await sealer._leases.prepare()
        await book.admin.execute(LAPSE)
        await sealer._leases.take()
        await sealer._resume(sealer._leases.held[NAME])
    pages = [sealer._seal_page(sealer._leases.held[NAME], SEAL_FACTS) for sealer in (late, present)]
    outcomes = await asyncio.gather(*pages, return_exceptions=True)
    assert [type(each) for each in outcomes if each] == [LeaseLost]
    assert await book.seals() == SIX_SEALS[:1]


async def test_sealing_goes_on_after_a_kill_between_pages(book: SealedBook) -> None:
    await book.append(2_000)
    for enough in (20, 120):
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORKER, book.url, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        )

        async def some(enough: int = enough) -> bool:
            return len(await book.seals()) > enough

        try:
            await eventually(some)
        finally:
            worker.send_signal(signal.SIGKILL)
            await worker.wait()
        assert len(await book.seals()) < 1_000
        assert await book.found() == []
        await book.admin.execute(LAPSE)  # instead of waiting for it
    await book.sealer().catch_up()
    report = await book.report()
    assert (report.sound, report.unsealed, report.facts) == (True, 0, 2_000)


async def test_a_page_that_fails_to_commit_leaves_nothing_and_is_made_again(book: SealedBook) -> None:
    await book.append(SEAL_FACTS * 3)
    await book.admin.execute("""
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
        CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON seals DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION fail()""")
    try:
        with pytest.raises(asyncpg.RaiseError):
            await book.sealer().catch_up()
    finally:
        await book.admin.execute("DROP TRIGGER fails ON seals; DROP FUNCTION fail")
    assert await book.seals() == []
    await book.sealer().catch_up()
    assert await book.seals() == SIX_SEALS[:3]


async def test_nothing_is_sealed_over_a_missing_fact(book: SealedBook) -> None:
    await book.append(SEAL_FACTS)
    await book.change("DELETE FROM facts WHERE position = 7")
    with pytest.raises(Unsealable, match="position 7 is missing"):
        await book.sealer().catch_up()
    async with running(book.sealer(within_s=0.01)):
        await eventually(lambda: _troubled(book, "position 7"))
    assert await book.seals() == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("DELETE FROM seals WHERE number = 2", "the seals that are left end at 16"),
        ("UPDATE seals SET root = chain WHERE number = 2", "seal 2 is not signed by a key of ours"),
    ],
)
async def test_nothing_is_sealed_on_top_of_seals_that_were_tampered_with(
    book: SealedBook, change: str, reason: str
) -> None:
    await book.append(SEAL_FACTS * 2)
    await book.sealer().catch_up()
    await book.append(SEAL_FACTS)
    await book.change(change)
    with pytest.raises(Unsealable, match=reason):
        await book.sealer().catch_up()


async def test_a_new_key_goes_on_when_the_old_one_is_named_as_retired(book: SealedBook) -> None:
    await book.append(SEAL_FACTS)
    await book.sealer().catch_up()
    await book.append(SEAL_FACTS)
    with pytest.raises(Unsealable, match="DAYBOOK_RETIRED_SEALING_KEYS"):
        await book.sealer(STRANGER).catch_up()
    both = Keyring(b"s" * 32, [KEYRING.public[0].raw])
    await book.sealer(both).catch_up()
    assert await book.seals() == SIX_SEALS[:2]
    assert (await book.report(both)).sound
    assert not (await book.report(STRANGER)).sound


async def test_a_checkpoint_that_is_behind_costs_nothing(book: SealedBook) -> None:
    await book.append(SEAL_FACTS * 2)
    await book.sealer().catch_up()
    await book.change("DELETE FROM projections")
    await book.append(SEAL_FACTS)
    await book.sealer().catch_up()
    assert await book.seals() == SIX_SEALS[:3]


@pytest.mark.parametrize(
    "statement", ["UPDATE seals SET root = ''", "DELETE FROM seals WHERE number = 1", "TRUNCATE seals"]
)
async def test_seals_are_never_changed_or_removed(book: SealedBook, statement: str) -> None:
    await book.append(SEAL_FACTS)
    await book.sealer().catch_up()
    await book.admin.execute("ALTER TABLE seals ENABLE TRIGGER USER")
    with pytest.raises(asyncpg.RestrictViolationError, match="seals are never changed or removed"):
        await book.admin.execute(statement)


async def _sealed_all(book: SealedBook) -> bool:
    seals = await book.seals()
    return bool(seals) and seals[-1][2] == await book.store.head()


async def _troubled(book: SealedBook, reason: str) -> bool:
    error = await book.admin.fetchval("SELECT last_error FROM projections WHERE name = $1", NAME)
    return error is not None and reason in error
