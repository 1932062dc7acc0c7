"""The statements of docs/archive.md that make the first part of an empty book smaller, and touch no other book."""

from pathlib import Path

import asyncpg
import pytest

from events.store import Append
from infrastructure.database import connect
from tests.integration.book import open_store
from tests.kinds import EMBEDDED_ALONE
from tests.store_contract import claim

pytestmark = EMBEDDED_ALONE

PAGE = Path(__file__).parents[2] / "docs" / "archive.md"
STATEMENTS = PAGE.read_text().partition("<<'SQL'\n")[2].partition("SQL\n")[0]


@pytest.mark.parametrize("facts", [0, 1])
async def test_only_an_empty_book_is_parted_anew(own_database_url: str, facts: int) -> None:
    connection = await connect(own_database_url)
    async with open_store(own_database_url) as store:
        for n in range(facts):
            await store.append(Append([claim(str(n))]))
        if facts:
            with pytest.raises(asyncpg.AssertError):
                await connection.execute(STATEMENTS)
            await connection.execute("ROLLBACK")
        else:
            await connection.execute(STATEMENTS)
        assert await connection.fetchval("SELECT room_per_table FROM head") == (10_000_000 if facts else 1_000)
        await store.append(Append([claim(f"more-{n}") for n in range(1_001)]))
        assert [fact.position for fact in await store.read_all(0, limit=9_999)] == list(range(1, facts + 1_002))
    await connection.close()
