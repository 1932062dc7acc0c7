"""`daybook report`: what the shop sold, to whom, from what stock and out of which carts."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from api.cli.opening import in_shop, tool_settings
from api.cli.outcome import ExitCode, Missing
from api.cli.output import AsJson, say, say_json, say_table
from api.cli.reporting import Asked, reporting, say_rows, tell

if TYPE_CHECKING:
    from api.wiring import Shop
    from queries.reports.question import Question
    from queries.reports.summary import Summary

app = typer.Typer(help="What was sold, as the read tables have it (docs/reports.md).", no_args_is_help=True)

Period = Literal["day", "week", "month"]
GroupBy = Annotated[Period | None, typer.Option(help="Split the span by this.")]


@app.command()
@reporting
def summary(question: Asked) -> None:
    """The figures of a whole span of time."""
    from dataclasses import asdict

    from queries.reports.summary import READS, Summary
    from queries.reports.summary import summary as figures

    async def found(shop: "Shop") -> "tuple[Question, Summary]":
        about = await question.question(shop, READS)
        return about, await figures(shop.pool, about)

    about, figured = in_shop(found, question.settings)
    say_rows(question, about, Summary, [figured], asdict(figured), upright=True)


@app.command()
@reporting
def sales(
    question: Asked,
    group_by: Annotated[Period, typer.Option(help="The length of a period.")] = "day",
    by: Annotated[
        Literal["category", "department", "product"] | None, typer.Option(help="Split every period by this.")
    ] = None,
) -> None:
    """Orders, units and money by period. An order counts when it is paid; money, when it comes and goes back."""
    from queries.reports.sales import sales

    tell(question, sales[by], group_by, group=by)


@app.command()
@reporting
def products(question: Asked, group_by: GroupBy = None) -> None:
    """What each product sold for, the one that sold for most first."""
    from queries.reports.sales import sales

    tell(question, sales["product"], group_by, group="product")


@app.command()
@reporting
def categories(
    question: Asked,
    group_by: GroupBy = None,
    level: Annotated[
        Literal["category", "department"], typer.Option(help="A department is a category with all below it.")
    ] = "category",
) -> None:
    """What the articles of each category sold for, the one that sold for most first."""
    from queries.reports.sales import sales

    tell(question, sales[level], group_by, group=level)


@app.command()
@reporting
def customers(
    question: Asked,
    group_by: GroupBy = None,
    by: Annotated[Literal["customer"] | None, typer.Option(help="One by one, what each has been worth.")] = None,
) -> None:
    """Who bought, new and returning, and what new customers have been worth so far."""
    from queries.reports.customers import customers, customers_each

    if by:
        tell(question, customers_each)
    else:
        tell(question, customers, group_by)


@app.command()
@reporting
def inventory(
    question: Asked,
    group_by: GroupBy = None,
    low: Annotated[bool, typer.Option("--low", help="Only what is running out.")] = False,
) -> None:
    """What lay in stock at the end of the span, its value at list prices, and how much was sold in between."""
    from queries.reports.inventory import inventory, inventory_by_period

    if group_by:
        tell(question, inventory_by_period, group_by)
    else:
        tell(question, inventory, filters={"low": True} if low else None)


@app.command()
@reporting
def funnel(question: Asked, group_by: GroupBy = None) -> None:
    """How many carts were begun, and how many of them were checked out, paid and shipped up to now."""
    from queries.reports.carts import funnel

    tell(question, funnel, group_by)


@app.command("abandoned-carts")
@reporting
def abandoned_carts(question: Asked, group_by: GroupBy = None) -> None:
    """Carts with something in them that were last touched in the span: up to a day ago, unless --to says otherwise."""
    from queries.reports.carts import abandoned_carts, abandoned_carts_by_period

    report = abandoned_carts_by_period if group_by else abandoned_carts
    tell(question, report, group_by, untouched=True)


@app.command()
def reconciliation(
    days: Annotated[int, typer.Option(min=1, help="Orders placed and money moved in so many days.")] = 7,
    grace_s: Annotated[int, typer.Option(min=0, help="What moved within so many seconds may still be under way.")] = 60,
    as_json: AsJson = False,
) -> None:
    """Whether money, orders and goods agree; ends with 1 if anything does not."""
    from dataclasses import asdict
    from datetime import UTC, datetime, timedelta

    from api.reconciliation import findings
    from commands.gateway import GatewayUnavailable

    since = datetime.now(UTC) - timedelta(days=days)
    try:
        found = in_shop(lambda shop: findings(shop, since, timedelta(seconds=grace_s)), tool_settings())
    except GatewayUnavailable as error:
        raise Missing(f"the gateway does not answer: {error}") from None
    if as_json:
        say_json({"data": [asdict(each) for each in found]})
    elif found:
        names = ("kind", "order_id", "payment_id", "sku", "expected", "found", "currency")
        say_table(names, [[getattr(each, name) for name in names] for each in found], right=("expected", "found"))
    else:
        say("Everything agrees.")
    if found:
        raise typer.Exit(ExitCode.REFUSED)
