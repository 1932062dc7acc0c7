"""How `daybook report` asks, and how it tells: as a table, as JSON like the API's, or as CSV."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from api.cli.opening import in_shop, tool_settings
from api.cli.outcome import Misused, Refused
from api.cli.output import AsJson, errors, say_json, say_table
from api.cli.parameters import parsed

if TYPE_CHECKING:
    from api.wiring import Shop
    from infrastructure.settings import Settings
    from queries.reports.question import Period, Question, Report

MAX_ROWS = 100_000

From = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="A time, or the day that begins then, in UTC.")
]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Up to this time, or to the end of this day.")]
AsOf = Annotated[
    str | None, typer.Option(metavar="TIME", help="As it was known at this time, or at this position of the book.")
]
Currency = Annotated[str | None, typer.Option(help="By default the shop's.")]
Form = Annotated[
    Literal["table", "csv"], typer.Option("--format", help="CSV is for spreadsheets, with money in minor units.")
]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question whose position only an open shop can tell, and how its answer is wanted."""

    settings: "Settings"
    since: datetime
    until: datetime | None
    as_of: int | datetime | None
    currency: str
    form: Literal["table", "csv", "json"]

    async def question(self, shop: "Shop", reads: "tuple[str, ...]", *, untouched: bool = False) -> "Question":
        """With `untouched` it ends a day before the moment asked for, unless it was said when.

        Raises Misused for what is to come, and Refused for what the read tables have not heard of yet."""
        from api.times import LATEST
        from queries.reports.question import Question

        known, head = await _known(shop, reads), await shop.store.head()
        position = known if self.as_of is None else await _position(shop, self.as_of, head)
        behind = f"The read tables are {head - known:,} facts behind the book: is a worker running?"
        if position > known:
            raise Refused(behind)
        if self.as_of is None and known < head:
            errors().print(behind, style="yellow")
        question = Question(position, self.since, self.until or LATEST, self.currency)
        if self.until is None and untouched:
            from api.moments import IDLE, moment

            question = replace(question, until=max(await moment(shop, self.as_of) - IDLE, self.since))
        return question


def reporting(report: Callable[..., None]) -> Callable[..., None]:
    """A command with the options that all reports have, which it gets as one question, and with those of its own."""
    known = get_type_hints(report, include_extras=True)
    _, *own = [
        parameter.replace(annotation=known[name], kind=Parameter.KEYWORD_ONLY)
        for name, parameter in signature(report).parameters.items()
    ]
    common = signature(asked).parameters

    @wraps(report)
    def command(**given: Any) -> None:
        report(asked(**{name: given.pop(name) for name in common}), **given)

    command.__dict__["__signature__"] = Signature([*common.values(), *own])  # PEP 362
    command.__annotations__ = {}  # as they are said there
    return command


def asked(
    *,
    since: From = None,
    until: To = None,
    as_of: AsOf = None,
    currency: Currency = None,
    form: Form = "table",
    as_json: AsJson = False,
) -> Asked:
    """What the options say. Raises Misused."""
    from api import times
    from api.fields import Currency as CurrencyField

    if as_json and form != "table":
        raise Misused(f"give either --json or --format {form}")
    settings = tool_settings()
    return Asked(
        settings,
        parsed(times.From, since, "--from") or times.EARLIEST,
        parsed(times.To, until, "--to"),
        parsed(times.AsOf, as_of, "--as-of"),
        parsed(CurrencyField, currency or settings.currency, "--currency"),
        "json" if as_json else "csv" if form == "csv" else "table",
    )


def tell(
    question: Asked,
    report: "Report[Any]",
    period: "Period | None" = None,
    *,
    group: str | None = None,
    filters: Mapping[str, Any] | None = None,
    untouched: bool = False,
) -> None:
    """Ask for the whole report and say it."""

    async def found(shop: "Shop") -> "tuple[Question, list[Any]]":
        from queries.rows import Window

        about = await question.question(shop, report.reads, untouched=untouched)
        part = await report.part(shop.pool, about, period, Window(MAX_ROWS), filters or {})
        return about, list(part.rows)

    about, rows = in_shop(found, question.settings)
    say_rows(question, about, report.kind, rows, {"data": [_as_json(row, group) for row in rows]}, group)


def say_rows(
    question: Asked,
    about: "Question",
    kind: type,
    rows: list[Any],
    members: dict[str, Any],
    group: str | None = None,
    *,
    upright: bool = False,
) -> None:
    """Rows in the wanted form; `members` are what JSON says of them. `upright`: the only row stands in a column."""
    from api.queries.sheets import columns, money_fields, named, sheet

    if question.form == "json":
        say_json({**members, "as_of": about.as_of})
    elif question.form == "csv":
        # As it is: its lines end as RFC 4180 wants it.
        typer.echo(sheet(kind, rows, about.currency, named(group)), nl=False)
    else:
        shown = columns(kind, named(group))
        words = [name.replace("_", " ") for name in shown.values()]
        right = [word for field, word in zip(shown, words, strict=True) if _is_number(kind, field)]
        right += [word for field, word in zip(shown, words, strict=True) if field in money_fields(kind)]
        cells = [tuple(_cell(getattr(row, field)) for field in shown) for row in rows]
        if upright:
            say_table(("figure", "value"), list(zip(words, cells[0], strict=True)), right=("value",))
        else:
            say_table(words, cells, right=right)


def _as_json(row: Any, group: str | None) -> dict[str, Any]:
    """As the API says it."""
    members = asdict(row)
    if "group_id" in members:
        group_id, name = members.pop("group_id"), members.pop("group")
        if group:
            members |= {f"{group}_id": group_id, group: name}
    return members


def _is_number(kind: type, field: str) -> bool:
    return kind.__annotations__[field] in (int, float | None)


def _cell(value: Any) -> str:
    from events.values import Money
    from queries.rows import Money as Amount

    match value:
        case Amount(amount, currency):
            return str(Money(amount, currency))
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.2%}"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        case None:
            return ""
        case _:
            return str(value)


async def _known(shop: "Shop", reads: "tuple[str, ...]") -> int:
    """The position up to which all that a report reads is complete."""
    from queries.projection import projections

    return min((state.position for state in await projections(shop.pool) if state.name in reads), default=0)


async def _position(shop: "Shop", as_of: int | datetime, head: int) -> int:
    from infrastructure.feed import position_at

    position = await position_at(shop.pool, as_of) if isinstance(as_of, datetime) else as_of
    if position is None:
        raise Misused("--as-of: lies in the future, of which nothing is known yet")
    if position > head:
        raise Misused(f"--as-of: the book ends at position {head}")
    return position
