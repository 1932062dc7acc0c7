"""What is personal in facts is encrypted where they are stored, and read in plain by those who have the keys."""

import asyncio
import json
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from events import EVENT_TYPES, Event, personal_fields, stream_of
from events.mail import MailSent
from events.order import OrderPlaced
from events.privacy import SubjectForgotten
from events.store import Append, AppendRefused
from events.user import RoleGranted, UserRegistered
from events.values import Address, Line, Money, OrderId, UserId
from infrastructure.codec import Unread
from infrastructure.committer import Committer
from infrastructure.database import Pool, connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.ids import new_id
from infrastructure.positions import Positions
from infrastructure.vault import KEYS_OF, MasterKeys, NoMasterKey, Vault
from tests.integration.book import open_store
from tests.keys import vault

HOME = Address("Ada Lovelace", "12 St James's Square", "London", "SW1Y 4JH", "GB")
SECRETS = ("Ada", "ada@example.org", "James", "SW1Y")


def about(person: UserId) -> list[Event]:
    order_id, price = OrderId(new_id("ord")), Money(500, "EUR")
    line: Line = Line("TEA", "prd_1", "Tea", "cat_1", 1, price, price)  # type: ignore[arg-type]
    return [
        UserRegistered(person, "ada@example.org", "Ada Lovelace"),
        RoleGranted(person, "staff"),
        OrderPlaced(order_id, person, (line,), price, ship_to=HOME, email="ada@example.org"),
        MailSent(order_id, new_id("req"), "order_placed", "ada@example.org", person),
    ]


@pytest_asyncio.fixture
async def pool(own_database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(own_database_url, 2) as opened:
        yield opened


async def stored(pool: Pool) -> list[str]:
    return [row["body"] for row in await pool.fetch("SELECT body FROM facts ORDER BY position")]


async def test_the_database_holds_no_plain_text_and_every_reader_gets_it(own_database_url: str, pool: Pool) -> None:
    person = UserId(new_id("usr"))
    facts = about(person)
    async with open_store(own_database_url) as store:
        await store.append(Append(facts))
        bodies = await stored(pool)
        assert not [secret for secret in SECRETS if secret in "".join(bodies)]
        assert json.loads(bodies[1]) == {"user_id": person, "role": "staff"}
        assert json.loads(bodies[2]).keys() >= {"order_id", "customer_id", "total", "personal"}
    async with open_store(own_database_url) as store:  # another process, which has no key at hand
        assert [fact.event for fact in await store.read([stream_of(facts[0])])] == facts[:2]
        assert [fact.event for fact in await store.read_all(0, limit=10)] == facts
    async with open_store(own_database_url) as store:
        assert [fact.event for fact in (await store.read_page(0, limit=10, but=[])).facts] == facts
    async with open_store(own_database_url) as store:
        assert [fact.event for fact in await store.read_all(0, limit=10)] == facts
    async with open_store(own_database_url) as store, pool.acquire() as connection:
        assert [fact.event for fact in await store.read_positions([1, 3], connection)] == [facts[0], facts[2]]


async def test_the_forgotten_stay_so_for_all_readers_and_whatever_is_written_later(
    own_database_url: str, pool: Pool
) -> None:
    person, other = UserId(new_id("usr")), UserId(new_id("usr"))
    facts = about(person)
    async with open_store(own_database_url) as store:
        await store.append(Append([*facts, *about(other)]))
        await store.append(Append([SubjectForgotten(person, "asked")]))
        await store.append(Append([UserRegistered(person, "ada@example.org")]))  # by one who has not heard of it
    async with open_store(own_database_url) as store:
        await store.append(Append([UserRegistered(person, "ada@example.org")]))
        registered, granted, placed, mailed, *others, forgotten, late, later = await store.read_all(0, limit=20)
        assert registered.event == UserRegistered(person, "Forgotten", "Forgotten")
        assert granted.event == facts[1]
        assert isinstance(placed.event, OrderPlaced) and isinstance(facts[2], OrderPlaced)
        assert (placed.event.ship_to, placed.event.email) == (None, None)
        assert (placed.event.lines, placed.event.total) == (facts[2].lines, facts[2].total)
        assert isinstance(mailed.event, MailSent) and mailed.event.to == "Forgotten"
        assert [fact.event for fact in others[:1]] == [UserRegistered(other, "ada@example.org", "Ada Lovelace")]
        assert isinstance(late.event, UserRegistered) and late.event.email == "Forgotten"
        assert isinstance(later.event, UserRegistered) and later.event.email == "Forgotten"
    row = await pool.fetchrow("SELECT wrapped, forgotten_at FROM person_keys WHERE person_id = $1", person)
    assert row["wrapped"] is None and row["forgotten_at"] == forgotten.recorded_at


async def test_books_of_before_are_read_as_they_are(own_database_url: str) -> None:
    person = UserId(new_id("usr"))
    async with open_store(own_database_url) as store:
        await store.append(Append([RoleGranted(person, "x")]))
        connection = await connect(own_database_url)
        await connection.execute(
            "INSERT INTO facts SELECT 2, gen_random_uuid(), 'user-old', 1, 'UserRegistered', 1, $1, '{}', now(), now()",
            json.dumps({"user_id": person, "email": "ada@example.org", "name": "Ada"}),
        )
        await connection.close()
        [fact] = await store.read(["user-old"])
        assert fact.event == UserRegistered(person, "ada@example.org", "Ada")


async def test_processes_that_meet_the_same_new_person_agree_on_one_key(own_database_url: str) -> None:
    persons = [UserId(new_id("usr")) for _ in range(20)]
    async with open_store(own_database_url) as one, open_store(own_database_url) as other:
        await asyncio.gather(
            *(
                store.append(Append([UserRegistered(person, f"{person}@example.org")]))
                for person in persons
                for store in (one, other)
            )
        )
    async with open_store(own_database_url) as store:
        events = [fact.event for fact in await store.read_all(0, limit=100)]
    assert len(events) == 2 * len(persons)
    assert all(isinstance(event, UserRegistered) and event.email == f"{event.user_id}@example.org" for event in events)


async def test_what_is_put_under_another_name_or_person_is_not_believed(own_database_url: str, pool: Pool) -> None:
    person, other = UserId(new_id("usr")), UserId(new_id("usr"))
    async with open_store(own_database_url) as store:
        await store.append(
            Append([UserRegistered(person, "ada@example.org"), UserRegistered(other, "bob@example.org")])
        )
        [mine, theirs] = await stored(pool)
        await pool.execute("ALTER TABLE facts DISABLE TRIGGER facts_stay")
        await pool.execute(
            "UPDATE facts SET body = $1 WHERE position = 1",
            mine.replace(json.loads(mine)["personal"]["data"], json.loads(theirs)["personal"]["data"]),
        )
        [fact, _] = (await store.read_page(0, limit=10, but=[])).facts
        assert isinstance(fact, Unread) and "not written under the key" in fact.error


async def test_without_the_master_key_nothing_personal_is_kept_or_read(own_database_url: str, pool: Pool) -> None:
    person = UserId(new_id("usr"))
    async with open_store(own_database_url) as store:
        await store.append(Append([UserRegistered(person, "ada@example.org")]))
    async with Committer(lambda: connect(own_database_url)) as committer:
        store = PostgresEventStore(pool, committer, Positions())
        with pytest.raises(AppendRefused, match="MASTER_KEY"):
            await store.append(Append([UserRegistered(UserId(new_id("usr")), "bob@example.org")]))
        with pytest.raises(NoMasterKey):
            await store.read_all(0, limit=10)
    with pytest.raises(NoMasterKey, match="not at hand"):
        await Vault(MasterKeys(b"x" * 32)).check(pool)
    await vault().check(pool)


async def test_someone_is_forgotten_while_a_key_is_on_its_way(own_database_url: str, pool: Pool) -> None:
    person = UserId(new_id("usr"))
    async with open_store(own_database_url) as store:
        await store.append(Append([UserRegistered(person, "ada@example.org")]))
        keys = vault()

        class Slow:
            async def fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
                found = await pool.fetch(query, *arguments)
                if not told:
                    told.append(person)
                    await store.append(Append([SubjectForgotten(person, "asked")]))
                    keys.forget(person)
                return found

        told: list[str] = []
        await keys.learn(Slow(), [person])
        assert keys.opened(person, "UserRegistered", "") is None


def test_the_vault_keeps_the_keys_of_so_many_persons() -> None:
    async def run() -> None:
        keys = Vault(MasterKeys(b"x" * 32), remembered=2)
        made: dict[str, bytes] = {}

        class Table:
            def __init__(self) -> None:
                self.asked: list[list[str]] = []

            async def fetch(self, query: str, *arguments: list[str]) -> list[tuple[str, bytes, str]]:
                self.asked.append(arguments[0])
                if query != KEYS_OF:
                    made.update(zip(arguments[0], arguments[1], strict=True))  # type: ignore[arg-type]
                return [(person, made[person], keys.masters.current or "") for person in arguments[0]]

        table = Table()
        await keys.provide(table, ["ann", "bob"])
        await keys.learn(table, ["ann"])
        await keys.provide(table, ["cid"])
        await keys.learn(table, ["ann", "bob"])
        assert table.asked == [["ann", "bob"], ["cid"], ["bob"]]

    asyncio.run(run())


def test_every_fact_with_personal_data_says_whom_it_is_about() -> None:
    with_personal = {name for name, kind in EVENT_TYPES.items() if personal_fields(kind)}
    assert with_personal >= {"UserRegistered", "OrderPlaced", "MailSent"}


async def test_personal_data_of_nobody_is_refused(own_database_url: str) -> None:
    async with open_store(own_database_url) as store:
        with pytest.raises(AppendRefused, match="whose it is"):
            await store.append(Append([MailSent(OrderId("ord_1"), "m", "order_placed", "ada@example.org")]))
