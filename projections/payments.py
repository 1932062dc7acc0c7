"""The money for an order as its customer and the staff see it: each way to pay that was tried, and how it stands."""

from dataclasses import dataclass
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
class RefundUnderWay:
    refund_id: str
    amount_minor: int


@dataclass(slots=True)  # frozen, it would take twice as long to make, and every fact of a payment makes one
class PaymentRow:
    """`step` is how far it came, `state` what is to be said of it; `refunding_minor` is asked back and has not arrived.

    No `method`: it was not asked for here. `url` is where the shopper confirms, `reason` why something did not work.
    Rows share it, so it is never changed: `evolve` makes another one."""

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
    under_way: tuple[RefundUnderWay, ...] = ()
    """What `refunding_minor` is the sum of."""


Payments = tuple[PaymentRow, ...]


def evolve(payments: Payments, event: PaymentEvent) -> Payments:
    place = next((place for place, each in enumerate(payments) if each.payment_id == event.payment_id), len(payments))
    after = _copied(payments[place]) if place < len(payments) else PaymentRow(event.payment_id, step="NONE")
    _change(after, event)
    after.state = _state(after.step, after.amount_minor, after.captured_minor, after.refunded_minor)
    return (*payments[:place], after, *payments[place + 1 :])


def _copied(row: PaymentRow) -> PaymentRow:
    """`dataclasses.replace` and `copy.copy` take five times as long."""
    return PaymentRow(
        row.payment_id,
        row.method,
        row.step,
        row.amount_minor,
        row.captured_minor,
        row.refunding_minor,
        row.refunded_minor,
        row.url,
        row.reason,
        under_way=row.under_way,
    )


def _change(row: PaymentRow, event: PaymentEvent) -> None:
    match event:
        case PaymentRequested(amount=amount, method=method):
            row.method, row.step, row.amount_minor = method, "REQUESTED", amount.amount
        case PaymentActionRequired(url=url):
            row.step, row.url = "ACTION_REQUIRED", url
        case PaymentAuthorized(amount=amount):
            row.step, row.amount_minor, row.url = "AUTHORIZED", amount.amount, ""
        case PaymentCaptured(amount=amount, capture_id=capture_id):
            row.captured_minor += amount.amount
            if capture_id == AT_ONCE or row.captured_minor >= row.amount_minor:
                row.step = "CAPTURED"
            row.amount_minor, row.url = max(row.amount_minor, row.captured_minor), ""
        case CaptureFailed(reason=reason):
            row.reason = reason
        case PaymentDeclined(reason=reason):
            row.step, row.reason, row.url = "DECLINED", reason, ""
        case PaymentVoided():
            row.step, row.url = "CAPTURED" if row.captured_minor else "VOIDED", ""
        case RefundRequested(refund_id=refund_id, amount=amount):
            row.refunding_minor += amount.amount
            row.under_way = (*row.under_way, RefundUnderWay(refund_id, amount.amount))
        case PaymentRefunded(refund_id=refund_id, amount=amount):
            row.refunded_minor += amount.amount
            _arrived(row, refund_id)
        case RefundFailed(refund_id=refund_id, reason=reason):
            row.reason = reason
            _arrived(row, refund_id)
        case CaptureRequested() | PaymentVoidRequested():
            pass
        case _:
            assert_never(event)


def _arrived(row: PaymentRow, refund_id: str) -> None:
    """Or it failed; one that nobody asked for is not under way."""
    row.under_way = tuple([each for each in row.under_way if each.refund_id != refund_id])
    row.refunding_minor = sum([each.amount_minor for each in row.under_way])


def told(total_minor: int, payments: Payments) -> tuple[str, int, int]:
    """The state of the whole order, and what was captured and refunded, in minor units.

    Money that came tells the state; before any has, the newest try does."""
    captured = sum([each.captured_minor for each in payments])
    refunded = sum([each.refunded_minor for each in payments])
    step = payments[-1].step if payments else "NONE"
    return _state(step, total_minor, captured, refunded), captured, refunded


def _state(step: str, due_minor: int, captured: int, refunded: int) -> str:
    held = captured - refunded
    if captured <= 0:
        return step
    if held <= 0:
        return "REFUNDED"
    if held < captured and held < due_minor:
        return "PARTIALLY_REFUNDED"
    return "CAPTURED" if held >= due_minor else "PARTIALLY_CAPTURED"
