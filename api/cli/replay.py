"""`daybook replay`: an order's life, told from its facts."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.opening import in_shop, tool_settings
from api.cli.outcome import Misused
from api.cli.output import AsJson, say_json
from api.cli.parameters import parsed

if TYPE_CHECKING:
    from api.wiring import Shop
    from events.store import Recorded

app = typer.Typer(help="A life, told from its facts.", no_args_is_help=True)


@app.callback()
def replay() -> None:
    """Keeps `order` a command of its own."""


@app.command()
def order(
    order_id: Annotated[str, typer.Argument(help="Such as ord_01h455vb4pex5vsknk084sn02q.")],
    version: Annotated[int | None, typer.Option(min=1, help="Only up to this version.")] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Only what was known at this time, or position of the book.")
    ] = None,
    diff: Annotated[
        str | None, typer.Option(metavar="FROM..TO", help="Only what differs between two versions, or times.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """An order's life step by step: when, what, who, why, and what each fact changed."""
    from api.cli.telling import tell, tell_differences
    from api.order_life import differences, order_after, steps
    from api.times import AsOf

    until: int | datetime | None = parsed(AsOf, as_of, "--as-of")
    if version is not None and until is not None:
        raise Misused("give either --version or --as-of")
    facts = in_shop(lambda shop: _facts(shop, order_id, version, until), tool_settings())
    if diff is not None:
        found = differences(facts, *_span(diff, facts))
        say_json({"data": found}) if as_json else tell_differences(found)
    elif as_json:
        say_json({"order": order_after(facts), "data": steps(facts)})
    else:
        tell(facts)


def _span(diff: str, facts: "Sequence[Recorded]") -> tuple[int, int]:
    """`2..5`, `..5`, `2..` or with times. Raises Misused."""
    from api.order_life import version_at
    from api.times import AsOf

    since, _, until = diff.partition("..")
    first = version_at(facts, parsed(AsOf, since or "0", "--diff"))
    last = version_at(facts, parsed(AsOf, until, "--diff")) if until else len(facts)
    if not first <= last <= len(facts):
        raise Misused(f"--diff takes two of the order's {len(facts)} versions, the earlier one first")
    return first, last


async def _facts(
    shop: "Shop", order_id: str, version: int | None, until: int | datetime | None
) -> "Sequence[Recorded]":
    from commands.order import orders
    from commands.rejections import NotFound

    facts = await shop.store.read([orders(order_id).stream])
    known = [fact for fact in facts if _known(fact, version, until)]
    if not known:
        raise NotFound("order", order_id if not facts else f"{order_id} at that time")
    return known


def _known(fact: "Recorded", version: int | None, until: int | datetime | None) -> bool:
    if isinstance(until, datetime):
        return fact.recorded_at <= until
    return (version is None or fact.version <= version) and (until is None or fact.position <= until)
