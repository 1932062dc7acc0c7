"""What follows from a payment or a cancellation, with a gateway that answers as it is told."""

from dataclasses import dataclass, field

import pytest

from commands.fulfilment import REACTS_TO, Captured, Declined, GatewayUnavailable, react
from commands.order import Order, OrderCommand, RecordCapture, RecordDecline, RecordRefund, orders
from events import Event
from events.order import OrderEvent
from events.values import Money, PaymentId
from tests.unit.pasts import ORDER, PAYMENT, TOTAL, cancelled, captured, completed, declined, paid, placed, requested
from tests.unit.shop import given

REFUND = RecordRefund(ORDER, PAYMENT, "refund_1", "the order was cancelled")


@dataclass
class FakeGateway:
    answer: Captured | Declined | Exception = field(default_factory=lambda: Captured("ref_1"))
    asked: list[tuple[object, ...]] = field(default_factory=list)

    async def capture(self, payment_id: PaymentId, amount: Money, method: str) -> Captured | Declined:
        self.asked.append(("capture", payment_id, amount, method))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def refund(self, payment_id: PaymentId, amount: Money) -> str:
        self.asked.append(("refund", payment_id, amount))
        if isinstance(self.answer, Exception):
            raise self.answer
        return "refund_1"


def order_after(*past: Event) -> Order:
    return given(*past)(orders(ORDER))


async def test_a_requested_payment_is_asked_of_the_gateway_under_its_id() -> None:
    gateway = FakeGateway()
    command = await react(requested, order_after(*placed, requested), gateway)
    assert command == RecordCapture(ORDER, PAYMENT, TOTAL, "ref_1")
    assert gateway.asked == [("capture", PAYMENT, TOTAL, "tok_ok")]


async def test_what_the_gateway_declines_is_recorded() -> None:
    command = await react(requested, order_after(*placed, requested), FakeGateway(Declined("no funds")))
    assert command == RecordDecline(ORDER, PAYMENT, "no funds")


@pytest.mark.parametrize(("event", "past"), [(requested, (requested,)), (captured, (*paid, cancelled))])
async def test_a_gateway_without_an_answer_is_asked_again_by_the_caller(
    event: OrderEvent, past: tuple[Event, ...]
) -> None:
    with pytest.raises(GatewayUnavailable):
        await react(event, order_after(*placed, *past), FakeGateway(GatewayUnavailable()))


async def test_a_payment_that_is_settled_is_not_asked_for_again() -> None:
    gateway = FakeGateway()
    assert await react(requested, order_after(*placed, *paid), gateway) is None
    assert gateway.asked == []


@pytest.mark.parametrize(
    ("event", "past"),
    [
        (cancelled, (*paid, cancelled)),
        (captured, (requested, cancelled, captured)),
        (cancelled, (requested, cancelled, captured)),
    ],
)
async def test_money_held_for_a_cancelled_order_is_given_back(event: OrderEvent, past: tuple[Event, ...]) -> None:
    gateway = FakeGateway()
    assert await react(event, order_after(*placed, *past), gateway) == REFUND
    assert gateway.asked == [("refund", PAYMENT, TOTAL)]


@pytest.mark.parametrize(
    ("event", "past"),
    [
        (captured, paid),
        (cancelled, (cancelled,)),
        (cancelled, (requested, cancelled)),
        (cancelled, (requested, declined, cancelled)),
        (completed, paid),
    ],
)
async def test_the_gateway_is_left_alone_where_nothing_is_to_be_done(
    event: OrderEvent, past: tuple[Event, ...]
) -> None:
    gateway = FakeGateway()
    assert await react(event, order_after(*placed, *past), gateway) is None
    assert gateway.asked == []


@pytest.mark.parametrize("event", [requested, captured, cancelled])
async def test_a_repeated_reaction_adds_nothing(event: OrderEvent) -> None:
    past = (*placed, requested) if event is requested else (*placed, *paid, cancelled)
    shop = given(*past)
    commands: list[OrderCommand] = []
    for _ in range(2):
        command = await react(event, shop(orders(ORDER)), FakeGateway())
        if command is not None:
            commands.append(command)
            happened = shop.when(command)
            assert bool(happened) is (len(commands) == 1)
    assert commands


def test_every_fact_with_a_consequence_is_listened_to() -> None:
    assert {type(fact) for fact in (requested, captured, cancelled)} == set(REACTS_TO)
