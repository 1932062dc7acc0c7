"""What follows from a payment, a refund or a cancellation, with a gateway that answers as it is told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from commands import Command
from commands.fulfilment import REACTS_TO, Cause, react
from commands.gateway import (
    ActionRequired,
    Authorized,
    Captured,
    Declined,
    GatewayUnavailable,
    Movement,
    Refunded,
    Voided,
)
from commands.order import Order, orders
from commands.payment import LetGo
from commands.settlement import (
    RecordActionRequired,
    RecordAuthorization,
    RecordCapture,
    RecordCaptureFailure,
    RecordDecline,
    RecordRefund,
    RecordRefundFailure,
    RecordVoid,
)
from events import Event
from events.order import OrderLapsed
from events.payment import (
    CaptureFailed,
    CaptureRequested,
    PaymentActionRequired,
    PaymentRefunded,
    PaymentVoided,
    PaymentVoidRequested,
    RefundFailed,
    RefundRequested,
)
from events.values import CaptureId, Money, OrderId, PaymentId, RefundId
from tests.unit.pasts import (
    LATER,
    ORDER,
    PAYMENT,
    TOTAL,
    authorized,
    cancelled,
    captured,
    declined,
    eur,
    held,
    paid,
    placed,
    requested,
)
from tests.unit.shop import given

CAPTURE, REFUND = CaptureId("cap_1"), RefundId("ref_1")
part = CaptureRequested(ORDER, PAYMENT, CAPTURE, eur(1000))
void = PaymentVoidRequested(ORDER, PAYMENT, "no")
back = RefundRequested(ORDER, PAYMENT, REFUND, eur(500), "broken")
lapsed = OrderLapsed(ORDER)
Answer = Authorized | Captured | ActionRequired | Declined | Voided | Refunded | Exception


@dataclass
class FakeGateway:
    """Gives one answer to whatever it is asked."""

    answer: Answer = field(default_factory=lambda: Captured("ref_1", TOTAL))
    asked: list[tuple[object, ...]] = field(default_factory=list)

    async def authorize(
        self, order_id: OrderId, payment_id: PaymentId, amount: Money, method: str, *, capture: bool
    ) -> Authorized | Captured | ActionRequired | Declined:
        return self._answered("authorize", payment_id, amount, method, capture)  # type: ignore[no-any-return]

    async def capture(self, payment_id: PaymentId, capture_id: CaptureId, amount: Money) -> Captured | Declined:
        return self._answered("capture", payment_id, capture_id, amount)  # type: ignore[no-any-return]

    async def void(self, payment_id: PaymentId) -> Voided | Captured:
        return self._answered("void", payment_id)  # type: ignore[no-any-return]

    async def refund(self, payment_id: PaymentId, refund_id: RefundId, amount: Money) -> Refunded | Declined:
        return self._answered("refund", payment_id, refund_id, amount)  # type: ignore[no-any-return]

    async def movements(self, since: datetime) -> Sequence[Movement]:
        return []

    def _answered(self, *asked: object):  # type: ignore[no-untyped-def]
        self.asked.append(asked)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def order_after(*past: Event) -> Order:
    return given(*placed, *past)(orders(ORDER))


@pytest.mark.parametrize("event", [requested, held])
async def test_a_requested_payment_is_asked_of_the_gateway_under_its_id(event: Cause) -> None:
    gateway = FakeGateway()
    await react(event, order_after(event), gateway)
    assert gateway.asked == [("authorize", PAYMENT, TOTAL, "tok_ok", event is requested)]


@pytest.mark.parametrize(
    ("event", "past", "answer", "command"),
    [
        (requested, (), Captured("r", TOTAL), RecordCapture(ORDER, PAYMENT, TOTAL, "r")),
        (requested, (), Declined("no funds"), RecordDecline(ORDER, PAYMENT, "no funds")),
        (requested, (), ActionRequired("https://3ds"), RecordActionRequired(ORDER, PAYMENT, "https://3ds")),
        (held, (), Authorized("r", LATER), RecordAuthorization(ORDER, PAYMENT, TOTAL, "r", LATER)),
        (part, (held, authorized), Captured("r", eur(1000)), RecordCapture(ORDER, PAYMENT, eur(1000), "r", CAPTURE)),
        (part, (held, authorized), Declined("no"), RecordCaptureFailure(ORDER, PAYMENT, CAPTURE, "no")),
        (void, (held, authorized), Voided(), RecordVoid(ORDER, PAYMENT)),
        (void, (requested,), Captured("r", TOTAL), RecordCapture(ORDER, PAYMENT, TOTAL, "r")),
        (back, paid, Refunded("r"), RecordRefund(ORDER, PAYMENT, "r", "broken", REFUND, eur(500))),
        (back, paid, Declined("no"), RecordRefundFailure(ORDER, PAYMENT, REFUND, "no")),
    ],
)
async def test_what_the_gateway_answers_is_recorded_once(
    event: Cause, past: tuple[Event, ...], answer: Answer, command: Command
) -> None:
    shop, gateway = given(*placed, *past, event), FakeGateway(answer)
    assert await react(event, shop(orders(ORDER)), gateway) == command
    assert shop.when(command)
    assert shop.when(command) == [], "a crash may repeat the reaction"
    again = await react(event, shop(orders(ORDER)), gateway)
    assert again is None and len(gateway.asked) == 1


@pytest.mark.parametrize(
    ("event", "past"), [(requested, ()), (part, (held, authorized)), (void, (held, authorized)), (back, paid)]
)
async def test_a_gateway_without_an_answer_is_asked_again_by_the_caller(event: Cause, past: tuple[Event, ...]) -> None:
    with pytest.raises(GatewayUnavailable):
        await react(event, order_after(*past, event), FakeGateway(GatewayUnavailable()))


@pytest.mark.parametrize(
    ("event", "after"),
    [
        (requested, (requested, captured)),
        (requested, (requested, declined)),
        (requested, (requested, PaymentActionRequired(ORDER, PAYMENT, "https://3ds"))),
        (requested, (requested, void)),
        (part, (held, authorized, part, CaptureFailed(ORDER, PAYMENT, CAPTURE, "no"))),
        (void, (held, authorized, void, PaymentVoided(ORDER, PAYMENT))),
        (back, (*paid, back, PaymentRefunded(ORDER, PAYMENT, eur(500), "r", "broken", REFUND))),
        (back, (*paid, back, RefundFailed(ORDER, PAYMENT, REFUND, "no"))),
        (cancelled, (cancelled,)),
        (lapsed, (lapsed,)),
    ],
)
async def test_the_gateway_is_left_alone_where_nothing_is_to_be_done(event: Cause, after: tuple[Event, ...]) -> None:
    gateway = FakeGateway()
    assert await react(event, order_after(*after), gateway) is None
    assert gateway.asked == []


@pytest.mark.parametrize("end", [cancelled, lapsed])
async def test_what_is_held_or_under_way_for_an_order_that_comes_to_nothing_is_let_go(end: Cause) -> None:
    shop = given(*placed, *paid, end)
    command = await react(end, shop(orders(ORDER)), FakeGateway())
    assert isinstance(command, LetGo)
    assert [type(fact) for fact in shop.when(command)] == [RefundRequested]
    assert shop.when(command) == []


def test_every_fact_with_a_consequence_is_listened_to() -> None:
    assert {type(fact) for fact in (requested, part, void, back, cancelled, lapsed)} == set(REACTS_TO)
