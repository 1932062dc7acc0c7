"""`daybook catalog`: products and prices as tables, in and out."""

import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from api.cli.opening import in_shop, tool_settings
from api.cli.outcome import ExitCode, Misused, Refused
from api.cli.output import AsJson, errors, say, say_json, say_table

if TYPE_CHECKING:
    from api.catalog_import import Tally
    from api.table_lines import RowError
    from api.wiring import Shop

CHUNK_BYTES = 65_536
MAX_ERRORS_TOLD = 1_000


class Format(StrEnum):
    csv = "csv"
    ndjson = "ndjson"


_SUFFIXES = {".csv": Format.csv, ".ndjson": Format.ndjson, ".jsonl": Format.ndjson}
FormatOption = Annotated[Format | None, typer.Option("--format", help="By default what the file's name ends with.")]

app = typer.Typer(help="Products and prices as tables.", no_args_is_help=True)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and do nothing.")] = False,
    format_: FormatOption = None,
    as_json: AsJson = False,
) -> None:
    """Bring in products, variants and prices; rows that are refused are told, the others come in.

    Asking again adds nothing, and what was interrupted goes on where it stopped."""
    settings, media_type = tool_settings(), _media_type(file, format_)
    try:
        size_bytes = file.stat().st_size
        tally, refused, stopped = in_shop(
            lambda shop: _brought_in(shop, file, size_bytes, media_type, dry_run=dry_run), settings
        )
    except KeyboardInterrupt:
        errors().print("Interrupted: the same command goes on from here.", style="yellow")
        raise
    if as_json:
        say_json(
            asdict(tally) | {"dry_run": dry_run, "errors": [each._asdict() for each in refused], "stopped": stopped}
        )
    else:
        _tell(tally, refused, dry_run=dry_run)
    if stopped:
        raise Refused(f"{file}: {stopped}")
    if tally.failed:
        raise typer.Exit(ExitCode.REFUSED)


@app.command("export")
def export(
    file: Annotated[Path | None, typer.Argument(dir_okay=False, help="By default standard output.")] = None,
    format_: FormatOption = None,
) -> None:
    """Write the whole catalog as a table that can be brought in again."""
    media_type = _media_type(file, format_ or (Format.csv if file is None else None))
    if file is None:
        in_shop(lambda shop: _taken_out(shop, sys.stdout.buffer, media_type), tool_settings())
        return
    unfinished = file.with_name(f"{file.name}.part")
    with unfinished.open("wb") as out:
        in_shop(lambda shop: _taken_out(shop, out, media_type), tool_settings())
    unfinished.replace(file)


def _media_type(file: Path | None, format_: Format | None) -> str:
    """Raises Misused."""
    from api.media import CSV, NDJSON

    chosen = format_ or (_SUFFIXES.get(file.suffix.lower()) if file else None)
    if chosen is None:
        raise Misused("say --format csv or --format ndjson: the file's name does not tell")
    return {Format.csv: CSV, Format.ndjson: NDJSON}[chosen]


async def _brought_in(
    shop: "Shop", file: Path, size_bytes: int, media_type: str, *, dry_run: bool
) -> "tuple[Tally, list[RowError], str | None]":
    from api.catalog_import import Tally, import_table, rehearsing
    from api.table_lines import Unreadable
    from events.store import Metadata
    from infrastructure.garbage import rarely_collected

    tally, refused, stopped = Tally(), list[Any](), None
    handler = rehearsing(shop.store) if dry_run else shop.handler
    out = errors()
    columns = (TextColumn("{task.fields[rows]:>10,} rows"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, disable=not out.is_terminal) as bar, file.open("rb") as table:
        task = bar.add_task("", total=size_bytes, rows=0)
        metadata = Metadata(actor="cli", command="PutCatalogRow")
        try:
            with rarely_collected():
                async for each in import_table(handler, _chunks(table), media_type, metadata, dry_run=dry_run):
                    tally = each.tally
                    refused += each.errors[: MAX_ERRORS_TOLD - len(refused)]
                    bar.update(task, completed=table.tell(), rows=tally.rows)
        except Unreadable as end:
            stopped = str(end)
    return tally, refused, stopped


async def _chunks(table: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := table.read(CHUNK_BYTES):
        yield chunk


async def _taken_out(shop: "Shop", out: BinaryIO, media_type: str) -> None:
    from api.catalog_sheet import catalog_sheet

    async for part in catalog_sheet(shop.pool, media_type):
        out.write(part)
    out.flush()


def _tell(tally: "Tally", refused: "list[RowError]", *, dry_run: bool) -> None:
    if refused:
        say_table(("line", "field", "code", "message"), refused, right=("line",))
        if tally.failed > len(refused):
            say(f"... and {tally.failed - len(refused):,} more.")
    would = "would be " if dry_run else ""
    say(
        f"{tally.rows:,} rows in {tally.seconds:.1f} s: {tally.created:,} {would}created, {tally.changed:,} "
        f"{would}changed, {tally.unchanged:,} as they are, {tally.failed:,} refused."
    )
