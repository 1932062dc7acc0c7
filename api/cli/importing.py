"""`daybook import`: history from elsewhere, brought in through the shop's own commands."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import rich.progress
import typer
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn

from api.cli.opening import in_shop, tool_settings
from api.cli.outcome import ExitCode, Missing, Refused
from api.cli.output import AsJson, errors, say, say_json, say_table

if TYPE_CHECKING:
    from api.importing import Progress, Report
    from api.wiring import Shop
    from events.values import Money
    from infrastructure.complete_journey.history import History

STUCK_AFTER_S = 30

app = typer.Typer(help="History from elsewhere.", no_args_is_help=True)


@app.callback()
def import_() -> None:
    """Keeps `complete-journey` a command of its own."""


@app.command("complete-journey")
def complete_journey(
    baskets: Annotated[int | None, typer.Option(min=1, help="Only so many, the oldest first.")] = None,
    as_json: AsJson = False,
) -> None:
    """A year of a grocer's sales: catalog, stock, customers, and baskets as orders. Asking again adds nothing.

    What was interrupted goes on where it stopped. The money in the reports then equals the data's, to the cent."""
    from api.cli.helper import helping_worker
    from api.importing import CACHED_STREAMS
    from infrastructure.complete_journey.parquet import NotInstalled, installed_history

    settings = tool_settings().model_copy(update={"state_cache_streams": CACHED_STREAMS})
    try:
        with errors().status("Reading the data set"):
            history = installed_history()
    except NotInstalled as missing:
        raise Missing(str(missing)) from None
    try:
        with helping_worker(settings):
            report = in_shop(lambda shop: _brought_in(shop, history, baskets), settings)
    except KeyboardInterrupt:
        errors().print("Interrupted: the same command goes on from here.", style="yellow")
        raise
    if as_json:
        say_json(_summary(report))
    else:
        _tell(report)
    if report.refused:
        raise typer.Exit(ExitCode.REFUSED)


async def _brought_in(shop: "Shop", history: "History", baskets: int | None) -> "Report":
    from api.importing import import_complete_journey

    with _progress() as on_progress:
        report = await import_complete_journey(shop.handler, history, baskets=baskets, on_progress=on_progress)
    with errors().status("Waiting for the read tables"):
        await _read_tables(shop)
    return report


async def _read_tables(shop: "Shop") -> None:
    """Wait as long as they move. Raises Refused."""
    from api.progress import caught_up
    from queries.projection import projections

    behind = -1
    while not await caught_up(shop, STUCK_AFTER_S):
        if (now := sum(state.lag for state in await projections(shop.pool))) == behind:
            raise Refused("all is brought in, but the read tables do not move: see `daybook projections status`")
        behind = now


@contextlib.contextmanager
def _progress() -> "Iterator[Progress]":
    """A bar for each stage on a terminal, and a line for each in a log."""
    out = errors()
    columns = (TextColumn("{task.description:<11}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with rich.progress.Progress(*columns, console=out, disable=not out.is_terminal) as bars:
        stages: dict[str, TaskID] = {}

        def on_progress(stage: str, done: int, there: int) -> None:
            if stage not in stages:
                stages[stage] = bars.add_task(stage, total=there)
                if not out.is_terminal:
                    out.print(f"{there:,} {stage}")
            bars.update(stages[stage], completed=done)

        yield on_progress


def _summary(report: "Report") -> dict[str, Any]:
    content = report.content
    return {
        "stages": {name: {"there": tally.there, "added": tally.added} for name, tally in report.stages.items()},
        "baskets": content.baskets,
        "empty_baskets": content.empty_baskets,
        "lines": content.lines,
        "units": content.units,
        "total": _money(content.total_minor),
        "left_out": {
            cause.value: {"lines": lines, "amount": _money(content.left_out_minor[cause])}
            for cause, lines in content.left_out.items()
        },
        "prices": {source.value: number for source, number in report.prices.items()},
        "refused": dict(report.refused),
        "facts": report.facts,
        "seconds": round(report.seconds, 1),
        "facts_per_s": round(report.facts_per_s),
    }


def _tell(report: "Report") -> None:
    content = report.content
    tallies = [(name, tally.there, tally.added) for name, tally in report.stages.items()]
    say_table(
        ("", "in the data", "new to the shop"),
        [(name, f"{there:,}", f"{added:,}") for name, there, added in tallies],
        right=("in the data", "new to the shop"),
    )
    say(f"\n{content.lines:,} lines were sold, {content.units:,} units for {_money(content.total_minor)}.")
    if content.left_out or content.empty_baskets:
        say("\nNot sales, and so left out:")
        rows = [(cause.value, content.left_out[cause], content.left_out_minor[cause]) for cause in content.left_out]
        say_table(
            ("cause", "lines", "amount"),
            [(cause, f"{lines:,}", _money(amount)) for cause, lines, amount in rows],
            right=("lines", "amount"),
        )
        say(f"{content.empty_baskets:,} of {content.baskets:,} baskets had no other lines.")
    for code, refused in report.refused.items():
        say(f"{refused:,} were refused: {code}", "red")
    say(f"\n{report.facts:,} facts in {report.seconds:.1f} s ({report.facts_per_s:,.0f} a second).")


def _money(amount_minor: int) -> "Money":
    from events.values import Money
    from infrastructure.complete_journey.history import CURRENCY

    return Money(amount_minor, CURRENCY)
