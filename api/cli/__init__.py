"""The command line, `daybook`: every command in a small file of its own, opened by the same wiring as the service."""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer
from rich.text import Text

from api.cli import (
    archive,
    bench,
    catalog,
    demo,
    events,
    importing,
    keys,
    migrate,
    openapi,
    parked,
    projections,
    replay,
    report,
    sandbox_gateway,
    serve,
    user,
    verify,
    worker,
)
from api.cli.outcome import ExitCode, explained
from api.cli.output import errors

app = typer.Typer(
    name="daybook",
    no_args_is_help=True,
    add_completion=False,
    # Tracebacks are for the log, and must not show what is in variables.
    pretty_exceptions_enable=False,
)
app.command()(serve.serve)
app.command()(worker.worker)
app.command()(sandbox_gateway.sandbox_gateway)
app.command()(demo.demo)
app.command()(verify.verify)
app.command()(openapi.openapi)
app.command()(bench.bench)
app.add_typer(migrate.app, name="migrate")
app.add_typer(importing.app, name="import")
app.add_typer(catalog.app, name="catalog")
app.add_typer(replay.app, name="replay")
app.add_typer(events.app, name="events")
app.add_typer(projections.app, name="projections")
app.add_typer(parked.app, name="parked")
app.add_typer(archive.app, name="archive")
app.add_typer(report.app, name="report")
app.add_typer(user.app, name="user")
app.add_typer(keys.app, name="keys")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"daybook {version('daybook')}")
        raise typer.Exit


@app.callback()
def daybook(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which Daybook this is.")
    ] = False,
) -> None:
    """A shop that keeps a book of original entry: every change is a fact, every figure can be traced."""


def main() -> None:
    """The console script."""
    sys.exit(call(sys.argv[1:]))


def call(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code; see `ExitCode`."""
    try:
        app(args=list(arguments), prog_name="daybook")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.OK
    except Exception as error:
        known = explained(error)
        if known is None:
            raise
        code, line = known
        errors().print(Text(f"daybook: {line}", style="red"), soft_wrap=True)
        return code
    return ExitCode.OK
