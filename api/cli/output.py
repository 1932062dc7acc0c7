"""How the CLI speaks: tables for people on a terminal, plain lines in a pipe, JSON for programs."""

import json
import sys
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def console() -> Console:
    """Standard output. Made when it is needed, so that whoever redirects it meanwhile gets what is said."""
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def errors() -> Console:
    """Standard error: progress, and what is not part of the answer."""
    return Console(stderr=True, highlight=False)


def say(text: str = "", style: str = "") -> None:
    """One line, as it is: square brackets are no markup."""
    console().print(Text(text, style=style), soft_wrap=True)


def say_json(value: Any) -> None:
    """Money, times and dataclasses come out as in the API."""
    from pydantic_core import to_jsonable_python

    typer.echo(json.dumps(to_jsonable_python(value), indent=2, ensure_ascii=False))


def say_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Collection[str] = ()) -> None:
    """A table on a terminal; in a pipe, lines with tabs between the fields. `right` names columns of numbers."""
    texts = [["" if value is None else str(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        for fields in [list(columns), *texts]:
            typer.echo("\t".join(field.replace("\t", " ").replace("\n", " ") for field in fields))
        return
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold", no_wrap=name in right)
    for fields in texts:
        table.add_row(*(Text(field) for field in fields))
    console().print(table)


def clock(at: datetime) -> str:
    """A moment in UTC, to the millisecond."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{at.microsecond // 1_000:03d}Z"
