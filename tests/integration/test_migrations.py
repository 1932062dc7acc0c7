"""Migrations: up, down and up again, two at once, and the refusal of a revision that this build does not know."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from infrastructure import migrations, revisions
from infrastructure.revisions import WrongRevision

FIRST = """
CREATE TABLE thing (id int);
CREATE FUNCTION two() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 2; END; $$;
INSERT INTO thing VALUES (two());
"""


@pytest.fixture
def sql(tmp_path: Path) -> Path:
    (tmp_path / "0001_thing.up.sql").write_text(FIRST)
    (tmp_path / "0001_thing.down.sql").write_text("DROP TABLE thing; DROP FUNCTION two();")
    (tmp_path / "0002_name.up.sql").write_text("ALTER TABLE thing ADD name text;")
    (tmp_path / "0002_name.down.sql").write_text("ALTER TABLE thing DROP name;")
    return tmp_path


async def _reset(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()


async def _columns(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT column_name FROM information_schema.columns WHERE table_name = 'thing'")
    await connection.close()
    return sorted(row["column_name"] for row in rows)


async def test_up_down_and_up_again(empty_database_url: str, sql: Path) -> None:
    url = empty_database_url
    await _reset(url)
    await migrations.upgrade(url, sql=sql)
    assert await _columns(url) == ["id", "name"]
    await migrations.downgrade(url, "0001", sql=sql)
    assert (await _columns(url), await revisions.current(url)) == (["id"], "0001")
    await migrations.downgrade(url, "base", sql=sql)
    assert (await _columns(url), await revisions.current(url)) == ([], None)
    await migrations.upgrade(url, sql=sql)
    await revisions.check(url, sql=sql)


async def test_daybooks_own_migrations_go_up_down_and_up_again(empty_database_url: str) -> None:
    await _reset(empty_database_url)
    await migrations.upgrade(empty_database_url)
    await migrations.downgrade(empty_database_url, "base")
    connection = await asyncpg.connect(empty_database_url)
    left = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname !~ '^alembic_version'"
        " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    )
    await connection.close()
    assert left == []
    await migrations.upgrade(empty_database_url)
    await revisions.check(empty_database_url)


async def test_upgrades_at_the_same_time_take_turns(empty_database_url: str, sql: Path) -> None:
    await _reset(empty_database_url)
    await asyncio.gather(*(migrations.upgrade(empty_database_url, sql=sql) for _ in range(4)))
    await revisions.check(empty_database_url, sql=sql)


async def test_a_failing_migration_leaves_nothing_behind(empty_database_url: str, sql: Path) -> None:
    await _reset(empty_database_url)
    (sql / "0003_bad.up.sql").write_text("CREATE TABLE half (id int); SELECT no_such_function();")
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await migrations.upgrade(empty_database_url, sql=sql)
    assert await revisions.current(empty_database_url) is None


async def test_a_missing_or_older_revision_is_refused_and_says_what_to_run(empty_database_url: str, sql: Path) -> None:
    await _reset(empty_database_url)
    with pytest.raises(WrongRevision, match=r"no schema yet.* needs revision 0002: run `daybook migrate`"):
        await revisions.check(empty_database_url, sql=sql)
    await migrations.upgrade(empty_database_url, "0001", sql=sql)
    with pytest.raises(WrongRevision, match="at revision 0001, this build needs 0002: run `daybook migrate`"):
        await revisions.check(empty_database_url, sql=sql)


async def test_an_unknown_revision_is_refused(empty_database_url: str, sql: Path) -> None:
    await _reset(empty_database_url)
    await migrations.upgrade(empty_database_url, sql=sql)
    (sql / "0002_name.up.sql").unlink()
    with pytest.raises(WrongRevision, match="at revision 0002, which this build does not know"):
        await revisions.check(empty_database_url, sql=sql)
    with pytest.raises(WrongRevision, match="0002"):
        await migrations.upgrade(empty_database_url, sql=sql)
