"""The till: an entry whenever money of an order came or went back."""

from datetime import datetime
from typing import NamedTuple

from events.payment import PaymentCaptured, PaymentRefunded
from events.store import Fact
from projections.projection import Key, Projection


class MoneyEntryRow(NamedTuple):
    """Either `captured_minor` or `refunded_minor` is positive, the other one is 0."""

    position: int
    order_id: str
    payment_id: str
    currency: str
    captured_minor: int
    refunded_minor: int
    at: datetime
    refund_id: str | None = None
    """Of money that went back. It begins with the id of the return that it is for, if there is one."""


def evolve(row: MoneyEntryRow | None, fact: Fact[PaymentCaptured | PaymentRefunded], key: Key) -> MoneyEntryRow:
    event = fact.event
    amount = event.amount.amount
    row = MoneyEntryRow(
        fact.position, event.order_id, event.payment_id, event.amount.currency, amount, 0, fact.occurred_at
    )
    if isinstance(event, PaymentRefunded):
        return row._replace(captured_minor=0, refunded_minor=amount, refund_id=event.refund_id)
    return row


money_entry = Projection(
    "money_entry",
    MoneyEntryRow,
    ("position",),
    (PaymentCaptured, PaymentRefunded),
    lambda event: [()],
    evolve,
    journal=True,
)
