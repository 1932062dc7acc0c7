"""What an event store hands out for projections and for those who look at what is stored, field by field."""

from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime

import asyncpg
import pytest

from events.claim import NameReleased
from events.store import Append, Bare, IdempotencyKey, Metadata, Recorded
from infrastructure.codec import StoredFact, Unread
from infrastructure.committer import Committer
from infrastructure.database import connect, open_pool
from infrastructure.event_store import Page, PostgresEventStore
from infrastructure.positions import HEAD, Positions
from infrastructure.raw_append import RawAppend, RawFact
from tests.keys import vault
from tests.store_contract import claim, name, stream

__all__ = ["name"]

THEN = datetime(2017, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
SOMEBODY = Metadata("ann", "Claim", "cor_1", "cau_1", "req_1", "00-abc-01")
UNKNOWN = "FromTheFuture"


@pytest.fixture
async def admin(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
def positions() -> Positions:
    return Positions()


@pytest.fixture
async def committer(database_url: str) -> AsyncIterator[Committer]:
    async with Committer(lambda: connect(database_url)) as committer:
        yield committer


@pytest.fixture
async def store(database_url: str, committer: Committer, positions: Positions) -> AsyncIterator[PostgresEventStore]:
    async with open_pool(database_url, 2) as pool:
        yield PostgresEventStore(pool, committer, positions, vault())


@pytest.fixture
async def start(store: PostgresEventStore, name: str) -> int:
    """Where the facts of the test begin: three names claimed, the second one at a time of its own, and one released."""
    before = await store.head()
    await store.append(Append([claim(name, "1")]))
    await store.append(Append([claim(name, "2")], metadata=SOMEBODY, occurred_at=THEN))
    await store.append(Append([NameReleased(name, "2"), claim(name, "3")]))
    return before


def places(page: Page) -> list[int]:
    return [fact.position for fact in page.facts]


async def test_a_page_holds_so_many_facts_in_order_and_says_where_it_ends(
    store: PostgresEventStore, positions: Positions, admin: asyncpg.Connection, start: int, name: str
) -> None:
    recorded_at = (await _row(admin, start + 1))["recorded_at"]
    page = await store.read_page(start, limit=2, but=())
    assert page == Page(
        [
            Bare(claim(name, "1"), stream(name), 1, start + 1, recorded_at),
            Bare(claim(name, "2"), stream(name), 2, start + 2, THEN),
        ],
        start + 2,
        full=True,
    )
    assert positions[HEAD] == start + 4
    assert places(await store.read_page(page.end, limit=2, but=())) == [start + 3, start + 4]
    assert (await store.read_page(start, limit=3, but=())).end == start + 3


async def test_whoever_asks_for_the_head_knows_it_from_then_on(
    store: PostgresEventStore, positions: Positions, start: int
) -> None:
    assert positions[HEAD] < await store.head() == start + 4 == positions[HEAD]


@pytest.mark.parametrize(
    ("after", "until", "but", "facts", "end"),
    [
        (0, 100, (), [1, 2, 3, 4], 4),
        (0, 3, (), [1, 2, 3], 3),
        (2, 3, (), [3], 3),
        (0, 100, ["NameReleased"], [1, 2, 4], 4),
        (0, 100, ["NameReleased", "NameClaimed"], [], 4),
        (2, 3, ["NameReleased"], [], 3),
        (4, 100, (), [], 4),
        (50, 100, (), [], 50),
    ],
)
async def test_a_page_that_is_not_full_ends_where_nothing_more_can_come(
    store: PostgresEventStore, start: int, after: int, until: int, but: Collection[str], facts: list[int], end: int
) -> None:
    page = await store.read_page(start + after, limit=10, but=but, until=start + until)
    assert places(page) == [start + fact for fact in facts]
    assert (page.end, page.full) == (start + end, False)


async def test_a_page_can_be_read_in_a_transaction_of_the_caller(
    store: PostgresEventStore, admin: asyncpg.Connection, start: int
) -> None:
    """It knows what the transaction knows, and not what came since."""
    async with admin.transaction(isolation="repeatable_read"):
        before = await store.read_page(start, limit=10, but=(), via=admin)
        await store.append(Append([claim("late")]))
        assert await store.read_page(start, limit=10, but=(), via=admin) == before
    assert (await store.read_page(start, limit=10, but=())).end == before.end + 1


async def test_what_cannot_be_read_is_told_as_far_as_it_is_known(
    store: PostgresEventStore, committer: Committer, admin: asyncpg.Connection, start: int, name: str
) -> None:
    fact = RawFact(stream(name), f"{start:032x}", UNKNOWN, 1, "{}", None)
    position = (await committer.submit(RawAppend([fact], {}, "{}", None))).position
    (unread,) = (await store.read_page(start + 4, limit=10, but=())).facts
    assert isinstance(unread, Unread)
    assert (unread.position, unread.stream, unread.version, unread.type) == (position, stream(name), 5, UNKNOWN)
    assert UNKNOWN in unread.error
    read, same = await store.read_positions([position, start + 2], admin)
    row = await _row(admin, start + 2)
    assert read == Recorded(claim(name, "2"), row["id"], stream(name), 2, start + 2, SOMEBODY, THEN, row["recorded_at"])
    assert same == unread


async def test_a_stored_fact_is_told_as_it_stands_in_the_table(
    store: PostgresEventStore, admin: asyncpg.Connection, start: int, name: str
) -> None:
    row = await _row(admin, start + 2)
    expected = StoredFact(
        originator_id=stream(name),
        originator_version=2,
        topic="NameClaimed",
        state=row["body"].encode(),
        id=start + 2,
        fact_id=row["id"],
        schema_version=row["schema_version"],
        metadata=row["metadata"].encode(),
        occurred_at=THEN,
        recorded_at=row["recorded_at"],
    )
    assert await store.stored_all(start + 1, limit=1) == [expected]
    assert await store.stored_stream(stream(name), after=1, limit=1) == [expected]
    assert len(await store.stored_stream(stream(name))) == 4
    assert [fact.id for fact in await store.stored_all(start, limit=9, types=["NameReleased"])] == [start + 3]


async def test_the_first_answer_of_a_key_is_recalled(store: PostgresEventStore, name: str) -> None:
    key = IdempotencyKey(name, b"hash", b"answer")
    appended = await store.append(Append([claim(name)], key=key))
    assert await store.recall(name) == (key, appended._replace(replayed=key))
    assert await store.recall(f"{name}?") is None


async def test_origins_are_told_in_the_order_of_the_facts(store: PostgresEventStore, start: int) -> None:
    facts = (await store.read_page(start, limit=10, but=())).facts
    assert list(await store.origins(facts)) == ["", "00-abc-01", "", ""]


async def _row(admin: asyncpg.Connection, position: int) -> asyncpg.Record:
    row = await admin.fetchrow("SELECT * FROM facts WHERE position = $1", position)
    assert row is not None
    return row
