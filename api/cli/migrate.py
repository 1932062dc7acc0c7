"""`daybook migrate`: the database's schema, up, down, and where it is."""

import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from api.cli.opening import run, tool_settings
from api.cli.outcome import ExitCode, Misused
from api.cli.output import AsJson, say, say_json

T = TypeVar("T")

app = typer.Typer(help="Bring the database to this build's schema.")

Revision = Annotated[str, typer.Argument(help="Such as 0002; `head` is the newest, `base` is before the first.")]


RuntimeRole = Annotated[
    str | None,
    typer.Option(help="Then grant this role what a service needs, and nothing else: see docs/operations.md."),
]


@app.callback(invoke_without_command=True)
def migrate(context: typer.Context, runtime_role: RuntimeRole = None, as_json: AsJson = False) -> None:
    """Bring the database to this build's schema; alone, the same as `migrate up`."""
    if context.invoked_subcommand is None:
        up("head", runtime_role, as_json)


@app.command()
def up(revision: Revision = "head", runtime_role: RuntimeRole = None, as_json: AsJson = False) -> None:
    """Run what is missing, all of it in one transaction; then stem the products' words by DAYBOOK_SEARCH_LANGUAGE, if
    they are stemmed otherwise."""
    from infrastructure import migrations, revisions, search_language
    from infrastructure import runtime_role as roles

    before, after = _moved(lambda url: migrations.upgrade(url, revision))
    tell = _nothing if as_json else say
    tell(f"The database is at revision {after}." if before == after else f"Migrated from {before} to {after}.")
    language = tool_settings().search_language
    if after == revisions.newest() and _at(lambda url: search_language.speak(url, language)):
        tell(f"Products are searched in {language} now.")
    if runtime_role is not None:
        _at(lambda url: roles.grant(url, runtime_role))
        tell(f"The role {runtime_role} may do what a service needs.")
    if as_json:
        say_json({"before": before, "database": after, "runtime_role": runtime_role})


@app.command()
def down(
    revision: Revision,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: data will be lost.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take back everything after a revision, and with it the data that it holds."""
    from infrastructure import migrations

    if not yes and not sys.stdin.isatty():
        raise Misused("migrating down loses data: say --yes if that is what you want")
    if not yes:
        typer.confirm(f"Take back everything after {revision}, with the data it holds?", abort=True)
    before, after = _moved(lambda url: migrations.downgrade(url, revision))
    if as_json:
        say_json({"before": before, "database": after})
    else:
        say(f"Migrated from {before} to {after}.")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Which revision the database is at, and which this build needs. Exit code 1 if they differ."""
    from infrastructure import revisions

    found, needed = _at(_current), revisions.newest()
    if as_json:
        say_json({"database": found, "build": needed, "up_to_date": found == needed})
    else:
        say(f"The database is at revision {found or 'none'}, this build needs {needed}.")
    if found != needed:
        raise typer.Exit(ExitCode.REFUSED)


def _nothing(line: str) -> None:
    """Where JSON is asked for, nothing else is said."""


async def _current(url: str) -> str | None:
    from infrastructure import revisions

    return await revisions.current(url)


def _moved(move: Callable[[str], Awaitable[None]]) -> tuple[str, str]:
    from infrastructure.waiting import await_database

    async def moved(url: str) -> tuple[str, str]:
        # A migration is often what is started first, along with the database.
        await await_database(url, tool_settings().start_patience_seconds)
        before = await _current(url)
        await move(url)
        return before or "nothing", await _current(url) or "nothing"

    return _at(moved)


def _at(work: Callable[[str], Awaitable[T]]) -> T:
    """Do `work` with the URL of the database, which may have no schema yet."""
    from api.wiring import direct, urls_of
    from infrastructure.embedded import open_servers

    settings = tool_settings()

    async def there() -> T:
        async with open_servers(*urls_of(settings), settings.data_dir) as servers:
            return await work(direct(settings, servers.database_url))

    return run(there(), settings)
