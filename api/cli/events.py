"""`daybook events`: the book itself, fact by fact."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.opening import in_shop, tool_settings
from api.cli.outcome import Misused, Refused
from api.cli.output import AsJson, clock, say

if TYPE_CHECKING:
    from api.wiring import Shop
    from infrastructure.codec import StoredFact

NEWEST = 20
PAGE_FACTS = 500
POLL_S = 1.0
MAX_POSITION = 2**62

app = typer.Typer(help="The book itself, fact by fact.", no_args_is_help=True)


@app.callback()
def events() -> None:
    """Keeps `tail` a command of its own."""


@app.command()
def tail(
    after: Annotated[
        int | None, typer.Option(min=0, help=f"Begin behind this position; by default, with the newest {NEWEST}.")
    ] = None,
    types: Annotated[list[str] | None, typer.Option("--type", help="Only facts of this type; may be repeated.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many facts; without --after, so many of the newest.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print facts in the order of the book, one a line."""
    from events import EVENT_TYPES

    if unknown := set(types or ()) - EVENT_TYPES.keys():
        raise Misused(f"--type: there is no {', '.join(sorted(unknown))}; known are {', '.join(sorted(EVENT_TYPES))}")
    in_shop(lambda shop: _tail(shop, after, types or (), limit, follow, as_json), tool_settings())


async def _tail(
    shop: "Shop", after: int | None, types: Sequence[str], limit: int | None, follow: bool, as_json: bool
) -> None:
    if after is not None and after > (head := await shop.store.head()):
        raise Refused(f"the book ends at position {head}: position {after} belongs to another one")
    position = await _before_newest(shop, types, limit or NEWEST) if after is None else after
    left = MAX_POSITION if limit is None else limit
    while True:
        head = await shop.store.head()
        while facts := await shop.store.stored_all(position, limit=min(PAGE_FACTS, left), types=types):
            for fact in facts:
                _print(fact, as_json)
            position, left = facts[-1].id, left - len(facts)
            if not left:
                return
        position = max(position, head)
        if not follow:
            return
        await shop.positions.reach("head", position + 1, POLL_S)


async def _before_newest(shop: "Shop", types: Sequence[str], number: int) -> int:
    """The position behind which the newest facts stand: looked for in ever longer ends of the book."""
    head = await shop.store.head()
    length = number
    while length < head:
        found = await shop.store.stored_all(head - length, limit=length, types=types)
        if len(found) >= number:
            return found[-number].id - 1
        length *= 4
    return 0


def _print(fact: "StoredFact", as_json: bool) -> None:
    from infrastructure.event_json import event_json

    if as_json:
        typer.echo(event_json(fact))
    else:
        where = f"{fact.originator_id}@{fact.originator_version}"
        say(f"{fact.id:>8}  {clock(fact.occurred_at)}  {fact.topic:<18} {where}  {fact.state.decode()}")
