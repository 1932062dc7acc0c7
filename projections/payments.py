"""The money for an order as its customer and the staff see it: each way to pay that was tried, and how it stands."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from events.payment import (
    AT_ONCE,
    CaptureFailed,
    CaptureRequested,
    PaymentActionRequired,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentEvent,
    PaymentRefunded,
    PaymentRequested,
    PaymentVoided,
    PaymentVoidRequested,
    RefundFailed,
    RefundRequested,
)


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """`step` is how far it came, `state` what is to be said of it; `refunding_minor` is asked back and has not arrived.

    No `method`: it was not asked for here. `url` is where the shopper confirms, `reason` why something did not work."""

    payment_id: str
    method: str = ""
    step: str = "REQUESTED"
    amount_minor: int = 0
    captured_minor: int = 0
    refunding_minor: int = 0
    refunded_minor: int = 0
    url: str = ""
    reason: str = ""
    state: str = ""


Payments = tuple[PaymentRow, ...]


def evolve(payments: Payments, event: PaymentEvent) -> Payments:
    before = next((each for each in payments if each.payment_id == event.payment_id), None)
    after = _evolved(before or PaymentRow(event.payment_id, step="NONE"), event)
    after = replace(after, state=_state(after.step, after.amount_minor, [after]))
    if before is None:
        return (*payments, after)
    return tuple(after if each is before else each for each in payments)


def _evolved(row: PaymentRow, event: PaymentEvent) -> PaymentRow:
    match event:
        case PaymentRequested(amount=amount, method=method):
            return PaymentRow(row.payment_id, method, amount_minor=amount.amount)
        case PaymentActionRequired(url=url):
            return replace(row, step="ACTION_REQUIRED", url=url)
        case PaymentAuthorized(amount=amount):
            return replace(row, step="AUTHORIZED", amount_minor=amount.amount, url="")
        case PaymentCaptured(amount=amount, capture_id=capture_id):
            captured = row.captured_minor + amount.amount
            is_all = capture_id == AT_ONCE or captured >= row.amount_minor
            whole = max(row.amount_minor, captured)
            step = "CAPTURED" if is_all else row.step
            return replace(row, step=step, amount_minor=whole, captured_minor=captured, url="")
        case CaptureFailed(reason=reason):
            return replace(row, reason=reason)
        case PaymentDeclined(reason=reason):
            return replace(row, step="DECLINED", reason=reason, url="")
        case PaymentVoided():
            return replace(row, step="CAPTURED" if row.captured_minor else "VOIDED", url="")
        case RefundRequested(amount=amount):
            return replace(row, refunding_minor=row.refunding_minor + amount.amount)
        case PaymentRefunded(amount=amount):
            refunding = max(0, row.refunding_minor - amount.amount)
            return replace(row, refunding_minor=refunding, refunded_minor=row.refunded_minor + amount.amount)
        case RefundFailed(reason=reason):
            return replace(row, refunding_minor=0, reason=reason)
        case CaptureRequested() | PaymentVoidRequested():
            return row
        case _:
            assert_never(event)


def state_of(total_minor: int, payments: Payments) -> str:
    """Of the whole order: money that came tells the state; before any has, the newest try does."""
    return _state(payments[-1].step if payments else "NONE", total_minor, payments)


def _state(step: str, due_minor: int, payments: Sequence[PaymentRow]) -> str:
    captured = sum(each.captured_minor for each in payments)
    held = captured - sum(each.refunded_minor for each in payments)
    if captured <= 0:
        return step
    if held <= 0:
        return "REFUNDED"
    if held < captured and held < due_minor:
        return "PARTIALLY_REFUNDED"
    return "CAPTURED" if held >= due_minor else "PARTIALLY_CAPTURED"
