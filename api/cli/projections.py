"""`daybook projections`: how far the read side is."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import rich.progress
import typer

from api.cli.opening import in_shop, tool_settings
from api.cli.outcome import ExitCode, Misused, Refused
from api.cli.output import AsJson, errors, say, say_json, say_table

if TYPE_CHECKING:
    from api.wiring import Shop
    from infrastructure.filling import Progress
    from infrastructure.rebuild import Rebuilt
    from infrastructure.shadow_table import Difference
    from projections.projection import Projection
    from queries.projection import ProjectionState

app = typer.Typer(help="How far the read side is, and making it anew.", no_args_is_help=True)

NUMBERS = ("position", "head", "behind", "since s", "facts/s", "ready in s", "parked", "epoch")
PROCESSES_MAX = 4
"""More than that are held up by PostgreSQL, which serves the shop meanwhile."""
SHOWN_CHARACTERS = 60
OLDER_CODE = "folded by older code: rebuild"

Name = Annotated[str, typer.Argument(help="As `daybook projections status` shows it.")]


@app.command()
def status(as_json: AsJson = False) -> None:
    """Each projection's position, and how many facts it has yet to see. Exit code 1 if one of them is stuck."""
    states = in_shop(_states, tool_settings())
    if as_json:
        say_json({"data": states})
    else:
        say_table(
            ("projection", *NUMBERS, "worker", "error"),
            [
                (
                    state.name,
                    state.position,
                    state.head,
                    state.lag,
                    f"{state.lag_s:.1f}",
                    state.facts_per_s,
                    "-" if state.eta_s is None else f"{state.eta_s:.1f}",
                    state.parked,
                    state.epoch,
                    state.owner if state.running else "-",
                    state.last_error or (OLDER_CODE if state.older_code else None),
                )
                for state in states
            ],
            right=NUMBERS,
        )
    if any(state.troubled for state in states):
        raise typer.Exit(ExitCode.REFUSED)


async def _states(shop: "Shop") -> "Sequence[ProjectionState]":
    from infrastructure.source_hash import sources
    from projections import PROJECTIONS
    from queries.projection import projections

    return await projections(shop.pool, sources(PROJECTIONS))


@app.command()
def rebuild(
    name: Name,
    diff: Annotated[bool, typer.Option(help="Say which rows were not as the facts say, and how.")] = False,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="How many fold side by side, where rows allow it; one for each core, but at most 4."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fold a read table anew beside live traffic, then switch. What was interrupted goes on where it stopped, with as
    many processes as before, unless the code or the table has changed since: then it begins anew."""
    projection = _named(name)
    rebuilt = in_shop(lambda shop: _rebuilt(shop, projection, diff, processes), tool_settings())
    if as_json:
        say_json({"name": name} | asdict(rebuilt))
    else:
        _tell(name, rebuilt)


def _tell(name: str, rebuilt: "Rebuilt") -> None:
    say(f"{name} stands at position {rebuilt.position}, rebuilt in {rebuilt.seconds:.1f} s.")
    if rebuilt.begun_anew:
        say(f"An earlier rebuild was interrupted, and this one began anew: {rebuilt.begun_anew}.", style="yellow")
    if rebuilt.processes:
        say(f"An earlier rebuild was interrupted, and this one went on with as many processes: {rebuilt.processes}.")
    _tell_parked(rebuilt.parked)
    if rebuilt.different is not None:
        say(f"{rebuilt.different} rows were different.", style="yellow" if rebuilt.different else "")
        for each in rebuilt.examples:
            say(f"  {each.key}: {_differing(each)}")


def _tell_parked(number: int) -> None:
    if number:
        say(f"{number} facts are parked: see `daybook parked list`.", style="yellow")


@app.command()
def rollback(name: Name, as_json: AsJson = False) -> None:
    """Put the table that the last rebuild replaced back; brought up to date."""
    projection = _named(name)

    async def work(shop: "Shop") -> int:
        from infrastructure.rebuild import roll_back

        try:
            return await roll_back(shop.pool, shop.store, projection)
        except LookupError as missing:
            raise Refused(str(missing)) from None

    parked = in_shop(work, tool_settings())
    if as_json:
        say_json({"name": name, "rolled_back": True, "parked": parked})
    else:
        say(f"The earlier table of {name} is back.")
        _tell_parked(parked)


def _differing(row: "Difference") -> str:
    """`on_hand 1 → 120`: what the table said, and what the facts say."""
    match row.before, row.after:
        case None, _:
            return "was not there"
        case _, None:
            return "should not be there"
        case before, after:
            return ", ".join(f"{name} {_short(before[name])} → {_short(after[name])}" for name in before)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


async def _rebuilt(shop: "Shop", projection: "Projection[Any]", diff: bool, processes: int | None) -> "Rebuilt":
    from infrastructure.garbage import rarely_collected
    from infrastructure.rebuild import RebuildRunning
    from infrastructure.rebuild import rebuild as rebuild_table
    from infrastructure.shares import Processes, ShareFailed, processors, reading

    settings, number = shop.settings, processes or min(processors(), PROCESSES_MAX)
    book = reading(
        shop.database_url,
        shop.vault.masters,
        pooled=settings.pooled,
        patience_s=settings.database_patience_seconds,
    )
    out = errors()
    columns = (*rich.progress.Progress.get_default_columns(), rich.progress.TextColumn("{task.fields[rate]}"))
    with rich.progress.Progress(*columns, console=out, disable=not out.is_terminal) as bar:
        task = bar.add_task(projection.name, rate="")

        def on_progress(progress: "Progress") -> None:
            rate = f"{progress.facts_per_s:,.0f} facts/s"
            bar.update(task, completed=progress.position, total=progress.head, rate=rate)

        try:
            with rarely_collected():
                return await rebuild_table(
                    shop.pool,
                    shop.store,
                    projection,
                    owner=f"{shop.owner}:rebuild",
                    compare=diff,
                    processes=Processes(number, book) if number > 1 else None,
                    on_progress=on_progress,
                )
        except RebuildRunning:
            raise Refused(f"{projection.name} is being rebuilt by someone else") from None
        except ShareFailed as failed:
            raise Refused(str(failed)) from None


def _named(name: str) -> "Projection[Any]":
    from projections import PROJECTIONS

    for projection in PROJECTIONS:
        if projection.name == name:
            return projection
    raise Misused(f"there is no read table {name}: {', '.join(each.name for each in PROJECTIONS)}")
