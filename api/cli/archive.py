"""`daybook archive`: full parts of the book in files, and back."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.opening import in_shop, tool_settings
from api.cli.outcome import ExitCode, Refused
from api.cli.output import AsJson, errors, say, say_json, say_table
from api.cli.verify import Keys, tell_findings, trusted

if TYPE_CHECKING:
    from api.wiring import Shop
    from infrastructure.archive.creating import Made
    from infrastructure.archive.judging import Checked
    from infrastructure.archive.partitions import Partition, Settled

app = typer.Typer(help="Full parts of the book in files, and back. See docs/archive.md.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE", help="As `daybook archive create` has written it.")]


@app.command("list")
def list_archives(as_json: AsJson = False) -> None:
    """The parts that are in archives, and those that could be."""

    async def work(shop: "Shop") -> tuple[list[Any], Any]:
        from infrastructure.archive.catalog import ARCHIVES
        from infrastructure.archive.creating import ripe
        from queries.rows import Window

        async with shop.pool.acquire() as connection:
            return list((await ARCHIVES.part(connection, Window(100_000), {})).rows), await ripe(connection)

    rows, (parts, settled) = in_shop(work, tool_settings())
    if as_json:
        say_json({"data": [dict(row) for row in rows], "ripe": parts, "settled": settled})
        return
    columns = ("first_position", "last_position", "file", "facts", "kept", "archived_at", "archived_by", "sha256")
    say_table(columns, [[row[name] for name in columns] for row in rows], right=(*columns[:2], "facts", "kept"))
    _tell_ripe(parts, settled)


@app.command()
def create(
    to_position: Annotated[
        int | None, typer.Option(min=1, help="Only parts that end here or before; by default, all that can be.")
    ] = None,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Where the files go; by default, `archives` in the data directory.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take every full part of the book that is sealed, and that all projections have passed, out into a file.

    Each file is read back and judged by its seals before anything leaves the database. Keep copies elsewhere."""

    async def work(shop: "Shop") -> "tuple[list[Made], list[Partition], Settled]":
        from infrastructure.archive.creating import create, ripe

        where = directory or shop.settings.data_dir / "archives"
        with errors().status("Archiving") as status:
            made = []
            async for each in create(
                shop.database_url,
                shop.keyring,
                where,
                to_position=to_position,
                on_step=lambda part, step: status.update(f"Positions {part.first:,} to {part.last:,}: {step}"),
            ):
                made.append(each)
                facts, kept = each.checked.facts, each.kept
                if not as_json:
                    say(f"{each.path}: {facts:,} facts, of which {kept:,} have stayed in the book.")
        async with shop.pool.acquire() as connection:
            return made, *(await ripe(connection))

    made, parts, settled = _answered(work)
    if as_json:
        say_json({"data": [_members(each.checked) | {"kept": each.kept} for each in made]})
    elif not made:
        _tell_ripe(parts, settled)


@app.command()
def restore(file: File, as_json: AsJson = False) -> None:
    """Put an archived part back into the book as it was. The file stays where it is."""

    async def work(shop: "Shop") -> "Checked":
        from infrastructure.archive.restoring import restore

        with errors().status("Restoring") as status:
            return await restore(
                shop.database_url,
                shop.keyring,
                file,
                on_progress=lambda done, there: status.update(f"{done:,} of {there:,} facts"),
            )

    checked = _answered(work)
    if as_json:
        say_json(_members(checked))
    else:
        say(f"{checked.facts:,} facts are back: positions {checked.first:,} to {checked.last:,}.", "green")


@app.command()
def check(file: File, keys: Keys = None, as_json: AsJson = False) -> None:
    """Judge a file by its seals. With `--key` no database is asked; otherwise the book must have the same seals.

    Exit code 1 if anything is wrong with it."""
    if checked_files([file], keys, as_json):
        raise typer.Exit(ExitCode.REFUSED)


def checked_files(files: "Sequence[Path]", keys: "list[str] | None", as_json: bool) -> bool:
    """Judge files and say what came of it. Whether anything is wrong."""
    checked = _checked(files, keys)
    if as_json:
        say_json({"data": [{"sound": each.sound, **_members(each)} for each in checked]})
    for each in () if as_json else checked:
        say(f"{each.file}: {each.facts:,} facts and {each.seals:,} seals, positions {each.first:,} to {each.last:,}.")
        tell_findings(each.findings, each.more_findings, "Nothing is wrong.", "This is not what was archived.")
    return not all(each.sound for each in checked)


def _checked(files: "Sequence[Path]", keys: "list[str] | None") -> "list[Checked]":
    import asyncio

    from infrastructure.archive.judging import check_file
    from infrastructure.keyring import Keyring

    given = trusted(keys or [])

    async def alone() -> "list[Checked]":
        return [await check_file(file, Keyring(retired=given)) for file in files]

    async def beside_book(shop: "Shop") -> "list[Checked]":
        return [await check_file(file, shop.keyring, shop.pool) for file in files]

    return asyncio.run(alone()) if given else in_shop(beside_book, tool_settings())


def _members(checked: "Checked") -> dict[str, Any]:
    names = ("file", "first", "last", "facts", "seals", "sha256", "findings", "more_findings")
    return {name: getattr(checked, name) for name in names}


def _answered(work: Any) -> Any:
    from infrastructure.archive.creating import Unsealed, Unsettled
    from infrastructure.archive.judging import Unsound
    from infrastructure.archive.partitions import Busy
    from infrastructure.archive.restoring import NotArchived

    try:
        return in_shop(work, tool_settings())
    except (Busy, NotArchived, Unsealed, Unsettled, Unsound) as refused:
        raise Refused(str(refused)) from None


def _tell_ripe(parts: "Sequence[Partition]", settled: "Settled") -> None:
    for part in parts:
        say(f"Positions {part.first:,} to {part.last:,} can be archived.")
    if not parts:
        reached = max(settled.position, 0)
        say(f"There is nothing to archive: {settled.by} allows it up to {reached:,}, and no part left ends so early.")
