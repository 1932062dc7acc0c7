"""Which revision of the schema a database has and which this build needs. To ask takes no more than the names of files;
what brings the one to the other is in `infrastructure.migrations`."""

import re
from pathlib import Path

from infrastructure.database import connect

SQL = Path(__file__).resolve().parents[1] / "sql"

_UP = re.compile(r"(?P<revision>\d{4})_(?P<name>\w+)\.up\.sql")


class WrongRevision(Exception):
    """The database's schema is not the one of this build; the message says which it has and what to run."""


def revisions(sql: Path = SQL) -> list[str]:
    """All that this build knows, in order. Raises WrongRevision for a file that has no proper name."""
    return [named["revision"] for named in map(named_up, sorted(sql.glob("*.up.sql")))]


def named_up(file: Path) -> re.Match[str]:
    """`revision` and `name` of a file. Raises WrongRevision."""
    if named := _UP.fullmatch(file.name):
        return named
    raise WrongRevision(f"{file.name} is not named like 0001_what_it_makes.up.sql")


async def check(url: str, sql: Path = SQL) -> None:
    """Raise WrongRevision unless the database is at this build's newest revision."""
    known = revisions(sql)
    newest, found = known[-1], await current(url)
    if found == newest:
        return
    if found is None:
        raise WrongRevision(
            f"the database has no schema yet, this build needs revision {newest}: run `daybook migrate`"
        )
    if found in known:
        raise WrongRevision(f"the database is at revision {found}, this build needs {newest}: run `daybook migrate`")
    raise WrongRevision(
        f"the database is at revision {found}, which this build does not know (its newest is {newest}): "
        "run the newer Daybook that made it, or have that one migrate it down"
    )


def newest(sql: Path = SQL) -> str:
    """The revision that this build needs."""
    return revisions(sql)[-1]


async def current(url: str) -> str | None:
    """The database's revision, or None before the first."""
    connection = await connect(url)
    try:
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            return None
        revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
        return revision
    finally:
        await connection.close()
