"""An order's life for people to read: each step with its time, its author and its cause, and what it changed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from api.cli.output import clock, console
from api.order_life import Change, Deed, Difference, steps
from events.store import Recorded
from events.values import Money

LATE_S = 1.0
"""Facts that were recorded later than this after they happened say so."""


def tell(facts: Sequence[Recorded]) -> None:
    """Print the life that these facts, from the first one on, are."""
    versions = {str(fact.id): fact.version for fact in facts}
    for step in steps(facts):
        _print(_headline(step, versions.get(step.causation_id)))
        for change in (change for change in step.changes if change.field != "order_id"):
            for line in _lines(change):
                _print(Text(f"     {line}"))


def tell_differences(found: Sequence[Difference]) -> None:
    """Print each field that differs, and below it the steps that changed it."""
    for each in found:
        for line in _lines(each):
            _print(Text(line, "bold"))
        for deed in each.by:
            _print(Text.assemble(_headline(deed, None), f"  {deed.reason}"))


def _print(text: Text) -> None:
    console().print(text, soft_wrap=True)


def _headline(step: Deed, cause: int | None) -> Text:
    """`3  OrderPaid  2026-05-01 12:00:00.000Z  system:fulfilment by RecordCapture, because of step 2 (position 9)`"""
    late = (step.recorded_at - step.occurred_at).total_seconds() > LATE_S
    return Text.assemble(
        (f"{step.version:>3}  ", "dim"),
        (step.type, "bold"),
        f"  {clock(step.occurred_at)}  ",
        (step.actor, "cyan"),
        f" by {step.command}" if step.command else "",
        f", because of step {cause}" if cause else "",
        (f"  (position {step.position}{f', recorded {clock(step.recorded_at)}' if late else ''})", "dim"),
    )


def _lines(change: Change) -> Iterable[str]:
    name = change.field.replace("_", " ")
    if change.before is not None:
        yield f"{name}: {_text(change.before)} → {_text(change.after)}"
    elif change.field == "lines":
        for line in change.after:
            price = _text(line["unit_price"])
            yield f"line: {line['quantity']} x {line['name']} ({line['sku']}) at {price}{_sold_for(line)}"
    elif change.field == "shipping" and change.after:
        yield f"shipping: {change.after['name']} at {_text(change.after['price'])}{_sold_for(change.after)}"
    elif change.after not in (None, ""):
        yield f"{name}: {_text(change.after)}"


def _sold_for(part: dict[str, Any]) -> str:
    less = f", less {_text(part['discount'])}" if part["discount"]["amount"] else ""
    return f"{less}, together {_text(part['total'])}"


def _text(value: Any) -> str:
    match value:
        case None | "":
            return "-"
        case datetime():
            return clock(value)
        case {"amount": int(amount), "currency": str(currency)}:
            return str(Money(amount, currency))
        case dict():
            return ", ".join(_text(part) for part in value.values() if part)
        case list():
            return "; ".join(_text(part) for part in value) or "-"
        case _:
            return str(value)
