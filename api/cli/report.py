"""`daybook report`: what was sold."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from api.cli.opening import in_shop, tool_settings
from api.cli.output import AsJson, errors, say_json, say_table
from api.cli.parameters import parsed

if TYPE_CHECKING:
    from api.wiring import Shop
    from queries.sale import Figures, Question, Sales, Summary

MAX_ROWS = 100_000
READ = ("sale", "sale_line", "category", "product")
FIGURES = ("orders", "units", "revenue", "refunded", "average order")

app = typer.Typer(help="What was sold, as the read tables have it.", no_args_is_help=True)


Period = Literal["day", "week", "month"]
Group = Literal["category", "department", "product"]
From = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="A time, or the day that begins then, in UTC.")
]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to this time, or to the end of this day.")]
Currency = Annotated[str | None, typer.Option(help="By default the shop's.")]


@app.command()
def sales(
    since: From = None,
    until: To = None,
    group_by: Annotated[Period, typer.Option(help="The length of a period.")] = "day",
    by: Annotated[Group | None, typer.Option(help="Split every period by this.")] = None,
    currency: Currency = None,
    as_json: AsJson = False,
) -> None:
    """Orders, units and money by period. A sale counts when it is paid; a refund, when it was given."""
    settings = tool_settings()
    asked = _asked(since, until, currency or settings.currency)
    question, found = in_shop(lambda shop: _sales(shop, asked, group_by, by), settings)
    if as_json:
        say_json({"data": [_as_json(row, by) for row in found], "as_of": question.as_of})
        return
    say_table(
        ("period", *([by] if by else []), *FIGURES),
        [(row.period, *([row.group] if by else []), *_cells(row.figures)) for row in found],
        right=FIGURES,
    )


@app.command()
def summary(since: From = None, until: To = None, currency: Currency = None, as_json: AsJson = False) -> None:
    """The figures of a whole span of time."""
    settings = tool_settings()
    asked = _asked(since, until, currency or settings.currency)
    question, found = in_shop(lambda shop: _summary(shop, asked), settings)
    if as_json:
        members = {"placed_orders": found.placed, "customers": found.customers, **asdict(found.figures)}
        say_json({**members, "as_of": question.as_of})
        return
    names, cells = ("placed", "customers", *FIGURES), (found.placed, found.customers, *_cells(found.figures))
    say_table(("figure", "value"), list(zip(names, cells, strict=True)), right=("value",))


Ask = Callable[[int], "Question"]


def _asked(since: str | None, until: str | None, currency: str) -> Ask:
    """The question, but for the position that it is about, which only an open shop can tell."""
    from api import times
    from api.fields import Currency
    from queries.sale import Question

    start = parsed(times.From, since, "--from") or times.EARLIEST
    end = parsed(times.To, until, "--to") or times.LATEST
    currency = parsed(Currency, currency, "--currency")
    return lambda position: Question(position, currency, start, end)


async def _sales(shop: "Shop", asked: Ask, period: Period, by: Group | None) -> "tuple[Question, Sequence[Sales]]":
    from queries.rows import Window
    from queries.sale import SALES, sales_from_row

    question = asked(await _position(shop))
    part = await SALES[period, by].part(shop.pool, Window(MAX_ROWS), {}, *question.arguments)
    return question, [sales_from_row(row, period, question.currency) for row in part.rows]


async def _summary(shop: "Shop", asked: Ask) -> "tuple[Question, Summary]":
    from queries.sale import summary

    question = asked(await _position(shop))
    return question, await summary(shop.pool, question)


async def _position(shop: "Shop") -> int:
    """The position up to which all that a report reads is complete."""
    from queries.projection import projections

    states = [state for state in await projections(shop.pool) if state.name in READ]
    position = min((state.position for state in states), default=0)
    if behind := await shop.store.head() - position:
        errors().print(f"The read tables are {behind:,} facts behind the book: is a worker running?", style="yellow")
    return position


def _as_json(row: "Sales", by: str | None) -> dict[str, Any]:
    """As the API says it."""
    group = {f"{by}_id": row.group_id, by: row.group} if by else {}
    return {"period": row.period, "starts_on": row.starts_on, **group, **asdict(row.figures)}


def _cells(figures: "Figures") -> tuple[str, ...]:
    from events.values import Money

    money = figures.revenue, figures.refunded, figures.average_order
    return f"{figures.orders:,}", f"{figures.units:,}", *(str(Money(each.amount, each.currency)) for each in money)
