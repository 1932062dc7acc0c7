"""An order's life for people to read: each step with its time, its author and its cause, and what it changed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from api.cli.output import clock, console
from api.order_life import Change, Deed, Difference, steps
from events.store import Recorded
from events.values import Money

Part = Mapping[str, Any]

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
    if item := ITEMS.get(change.field):
        before = [item(each) for each in change.before or ()]
        yield from (line for line in map(item, change.after or ()) if line not in before)
    elif change.before is not None:
        yield f"{name}: {_text(change.before)} → {_text(change.after)}"
    elif change.field == "shipping" and change.after:
        yield f"shipping: {change.after['name']} at {_text(change.after['price'])}{_sold_for(change.after)}"
    elif change.after not in (None, "", []):
        yield f"{name}: {_text(change.after)}"


def _line(line: Part) -> str:
    return f"line: {_units(line)} ({line['sku']}) at {_text(line['unit_price'])}{_sold_for(line)}"


def _sold_for(part: Part) -> str:
    less = f", less {_text(part['discount'])}" if part["discount"]["amount"] else ""
    return f"{less}, together {_text(part['total'])}"


def _payment(payment: Part) -> str:
    """`payment pay_...: CAPTURED, 30.00 EUR by tok_approve, captured 30.00 EUR, refunded 5.00 EUR`"""
    by = f" by {payment['method']}" if payment["method"] else ""
    sums = {"captured": "captured", "refunded": "refunded", "refunding": "on its way back"}
    moved = [f", {word} {_text(payment[name])}" for name, word in sums.items() if payment[name]["amount"]]
    more = [f", {payment['reason']}" if payment["reason"] else ""]
    if payment["action_url"]:
        more.append(f", to be confirmed at {payment['action_url']}")
    about = f"payment {payment['payment_id']}: {payment['state']}, {_text(payment['amount'])}{by}"
    return "".join([about, *moved, *more])


def _shipment(parcel: Part) -> str:
    by = "".join(f", {each}" for each in (parcel["carrier"], parcel["tracking"]) if each)
    return f"parcel: {_all_units(parcel)}{by}, sent {clock(parcel['shipped_at'])}"


def _return(back: Part) -> str:
    """`return ret_...: 1 x MUG worth 7.00 EUR, on sale again at main; broken`"""
    goods = []
    for line in back["lines"]:
        fate = f"on sale again at {line['location']}" if line["restocked"] else "written off"
        goods.append(f"{_units(line)} worth {_text(line['worth'])}, {fate}")
    return f"return {back['return_id']}: {'; '.join(goods)}{back['reason'] and '; ' + back['reason']}"


def _all_units(parcel: Part) -> str:
    return ", ".join(map(_units, parcel["lines"]))


def _units(line: Part) -> str:
    return f"{line['quantity']} x {line.get('name') or line['sku']}"


ITEMS: Mapping[str, Callable[[Any], str]] = {
    "lines": _line,
    "payments": _payment,
    "shipments": _shipment,
    "returns": _return,
    "credit_notes": lambda number: f"credit note: {number}",
}
"""What an order has several of: each is a line of its own, said when it is new or not what it was."""


def _text(value: Any) -> str:
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return clock(value)
        case {"amount": int(amount), "currency": str(currency)}:
            return str(Money(amount, currency))
        case dict():
            return ", ".join(_text(part) for part in value.values() if part)
        case _:
            return str(value)
