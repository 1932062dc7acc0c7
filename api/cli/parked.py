"""`daybook parked`: what could not be projected, and what to do about it."""

from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.opening import in_shop, tool_settings
from api.cli.outcome import ExitCode, Misused
from api.cli.output import AsJson, say, say_json, say_table

if TYPE_CHECKING:
    from api.wiring import Shop
    from queries.parked import ParkedFact

app = typer.Typer(help="Facts that a projection could not take.", no_args_is_help=True)

PAGE_FACTS = 1_000

Id = Annotated[int, typer.Argument(help="As `daybook parked list` shows it.")]


@app.command("list")
def list_parked(as_json: AsJson = False) -> None:
    """What waits, oldest first. Exit code 1 if anything does."""
    facts = in_shop(_parked, tool_settings())
    if as_json:
        say_json({"data": facts})
    else:
        say_table(
            ("id", "projection", "key", "position", "fact", "tries", "error"),
            [
                (f.id, f.projection, f.key, f.position, f.type, f.attempts, f.error or "waits behind an earlier one")
                for f in facts
            ],
            right=("id", "position", "tries"),
        )
    if facts:
        raise typer.Exit(ExitCode.REFUSED)


@app.command()
def retry(
    parked_id: Annotated[int | None, typer.Argument(help="As `daybook parked list` shows it.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All queues, after a deploy that mends them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Try the queue of this fact's key again, in order. Exit code 1 if some of it still fails."""
    if (parked_id is None) != every:
        raise Misused("say which: an ID, or --all")

    async def work(shop: "Shop") -> int:
        from infrastructure import parking

        if parked_id is None:
            return await _retried(shop)
        return len((await parking.retry(shop.pool, shop.store, parked_id)).parked)

    _told(in_shop(work, tool_settings()), as_json)


@app.command()
def skip(
    parked_id: Id,
    reason: Annotated[str, typer.Option(help="Why; it goes into the book.")],
    as_json: AsJson = False,
) -> None:
    """Leave a fact that failed out of its projection and go on with what waits behind it."""

    async def work(shop: "Shop") -> int:
        from events.store import Metadata
        from infrastructure import parking

        metadata = Metadata(actor="cli", command="SkipFact")
        folded = await parking.skip(shop.pool, shop.store, shop.handler, parked_id, reason=reason, metadata=metadata)
        return len(folded.parked)

    _told(in_shop(work, tool_settings()), as_json)


async def _parked(shop: "Shop") -> "list[ParkedFact]":
    from queries.parked import PARKED, from_row
    from queries.rows import Window

    facts: list[ParkedFact] = []
    window = Window(PAGE_FACTS)
    while True:
        part = await PARKED.part(shop.pool, window, {})
        facts += map(from_row, part.rows)
        if part.next is None:
            return facts
        window = Window(PAGE_FACTS, part.next)


async def _retried(shop: "Shop") -> int:
    """Each queue once, those that were parked first at first; how many facts wait after that."""
    from commands.rejections import NotFound
    from events.store import PositionsArchived
    from infrastructure import parking

    refused: PositionsArchived | None = None
    queues: dict[tuple[str, str], int] = {}
    for fact in await _parked(shop):
        queues.setdefault((fact.projection, fact.key), fact.id)
    for parked_id in queues.values():
        try:
            await parking.retry(shop.pool, shop.store, parked_id)
        except NotFound:  # somebody else was first
            continue
        except PositionsArchived as archived:  # the others can go on
            refused = archived
    if refused is not None:
        raise refused
    return len(await _parked(shop))


def _told(left: int, as_json: bool) -> None:
    if as_json:
        say_json({"waiting": left})
    else:
        say(f"{left} still wait." if left else "Done: nothing of this waits any more.")
    if left:
        raise typer.Exit(ExitCode.REFUSED)
