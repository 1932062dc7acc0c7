"""An order whose money was set aside, and captures of parts of it."""

from commands.money import PaymentState
from commands.order import Status, orders
from commands.settlement import RecordCapture
from events import Event
from events.payment import CaptureRequested
from events.values import CaptureId, RefundId
from tests.unit.pasts import ORDER, PAYMENT, authorized, eur, held, placed
from tests.unit.shop import Shop

ONE, TWO = CaptureId("cap_1"), CaptureId("cap_2")
BACK, BACK_TOO = RefundId("ref_1"), RefundId("ref_2")
set_aside: tuple[Event, ...] = (*placed, held, authorized)


def state(shop: Shop) -> tuple[Status, PaymentState]:
    order = shop(orders(ORDER))
    return order.status, order.payment


def asked(capture: CaptureId, amount: int) -> CaptureRequested:
    return CaptureRequested(ORDER, PAYMENT, capture, eur(amount))


def taken(capture: CaptureId, amount: int) -> RecordCapture:
    return RecordCapture(ORDER, PAYMENT, eur(amount), "ref", capture)
