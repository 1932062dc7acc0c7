"""Archives hold what is personal as the book does: encrypted, and unreadable once the person is forgotten."""

import gzip
from pathlib import Path

from events.privacy import SubjectForgotten
from events.store import Append
from events.user import UserRegistered
from events.values import UserId
from infrastructure.ids import new_id
from infrastructure.verification.book import verify
from tests.integration.archived_book import open_archived_book
from tests.integration.book import open_store
from tests.integration.sealed_book import KEYRING


async def test_who_is_forgotten_is_forgotten_in_archives_too(own_database_url: str, tmp_path: Path) -> None:
    person = UserId(new_id("usr"))
    async with open_archived_book(own_database_url, tmp_path) as book:
        await book.store.append(Append([UserRegistered(person, "ada@example.org", "Ada Lovelace")]))
        await book.live(40)
        await book.settle()
        made = await book.archive()
        texts = [gzip.decompress(each.path.read_bytes()).decode() for each in made]
        assert any(person in text for text in texts)
        assert not [text for text in texts if "ada@" in text or "Lovelace" in text]
        await book.admin.execute("ALTER TABLE facts ENABLE TRIGGER forget_subject")
        await book.store.append(Append([SubjectForgotten(person, "asked")]))
        for each in reversed(made):
            await book.restore(each)
        async with open_store(own_database_url) as store:
            [fact] = await store.read([f"user-{person}"])
            assert fact.event == UserRegistered(person, "Forgotten", "Forgotten")
        await book.settle()
        assert (await verify(book.pool, KEYRING)).sound
