"""Brings a database to this build's schema: Alembic runs the plain SQL files in `sql/`, one pair for each revision.

To add a migration, add `sql/NNNN_name.up.sql` and `sql/NNNN_name.down.sql`; no Python is needed.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_only

from infrastructure.database import CONNECT_TIMEOUT_S
from infrastructure.database_url import asyncpg_dsn, tls
from infrastructure.revisions import SQL, WrongRevision, named_up

# One migration at a time in a database: two processes that start together take turns, and the second finds it done.
_TURN = 0x6461_7962_6F6F_6B  # "daybook"


async def upgrade(url: str, revision: str = "head", sql: Path = SQL) -> None:
    """Run what is missing up to `revision`, all of it in one transaction.

    Raises:
        WrongRevision: the database, or the caller, names a revision that this build does not know.
    """
    scripts = _SqlScripts(sql)
    await _migrate(url, scripts, lambda rev, _: scripts._upgrade_revs(revision, rev))


async def downgrade(url: str, revision: str, sql: Path = SQL) -> None:
    """Take back everything after `revision`; "base" takes back everything, and with it the data.

    Raises:
        WrongRevision: as `upgrade`.
    """
    scripts = _SqlScripts(sql)
    await _migrate(url, scripts, lambda rev, _: scripts._downgrade_revs(revision, rev))


class _SqlScripts(ScriptDirectory):
    """Alembic's revisions, read from pairs of SQL files in the order of their numbers."""

    def _load_revisions(self) -> Iterator[Script]:
        before: str | None = None
        for up in sorted(Path(self.dir).glob("*.up.sql")):
            named = named_up(up)
            module: Any = ModuleType(up.name, named["name"].replace("_", " "))
            module.revision, module.down_revision = named["revision"], before
            module.upgrade = _runs(up)
            module.downgrade = _runs(up.with_name(f"{named['revision']}_{named['name']}.down.sql"))
            yield Script(module, module.revision, up)
            before = module.revision


def _runs(file: Path) -> Callable[[Connection], None]:
    def run(connection: Connection) -> None:
        # asyncpg's own execute takes a whole file, with function bodies; it is in SQLAlchemy's transaction already.
        raw: Any = connection.connection.driver_connection
        await_only(raw.execute(file.read_text()))

    return run


async def _migrate(url: str, scripts: ScriptDirectory, steps: Callable[[Any, MigrationContext], Any]) -> None:
    dsn = asyncpg_dsn(url)
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(dsn, ssl=tls(url), timeout=CONNECT_TIMEOUT_S),
        poolclass=NullPool,
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run, scripts, steps)
    except CommandError as error:
        raise WrongRevision(f"{error}: this build's newest revision is {scripts.get_current_head()}") from None
    finally:
        await engine.dispose()


def _run(connection: Connection, scripts: ScriptDirectory, steps: Callable[[Any, MigrationContext], Any]) -> None:
    # Alembic's usual environment is a global of the process; the context underneath is not, so migrations may overlap.
    context = MigrationContext.configure(connection, opts={"fn": steps, "script": scripts, "transactional_ddl": True})
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})
        context.run_migrations(connection=connection)
