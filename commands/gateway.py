"""What the shop asks of whoever moves the money, and what it may be told. docs/payments.md says how to write one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from commands.policy import Unavailable
from events.values import CaptureId, Money, OrderId, PaymentId, RefundId


@dataclass(frozen=True, slots=True)
class Authorized:
    """The money is set aside until `expires_at`."""

    reference: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Captured:
    """The money was taken."""

    reference: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Declined:
    """It was not done, and will not be."""

    reason: str


@dataclass(frozen=True, slots=True)
class ActionRequired:
    """The shopper is to confirm at `url`; a webhook says what came of it."""

    url: str


@dataclass(frozen=True, slots=True)
class Voided:
    """Nothing is set aside any more, and nothing will be taken for this payment."""


@dataclass(frozen=True, slots=True)
class Refunded:
    reference: str


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that moved, as the gateway has it. `id` is the capture's or the refund's."""

    order_id: OrderId
    payment_id: PaymentId
    kind: Literal["capture", "refund"]
    id: str
    amount: Money
    moved_at: datetime


class GatewayUnavailable(Unavailable):
    """The gateway gave no answer, or none yet. Ask again later, with the same ids."""


class Gateway(Protocol):
    """Sets money aside, takes it, and gives it back. Each call is idempotent by its ids, however often it is repeated
    and however long after; all raise GatewayUnavailable."""

    async def authorize(
        self, order_id: OrderId, payment_id: PaymentId, amount: Money, method: str, *, capture: bool
    ) -> Authorized | Captured | ActionRequired | Declined:
        """With `capture`, take the money at once. A payment that was voided before it was asked for is declined."""
        ...

    async def capture(self, payment_id: PaymentId, capture_id: CaptureId, amount: Money) -> Captured | Declined:
        """Take a part of what is authorized."""
        ...

    async def void(self, payment_id: PaymentId) -> Voided | Captured:
        """Let go of what is not captured, also of a payment never heard of. Captured: it was taken at once before."""
        ...

    async def refund(self, payment_id: PaymentId, refund_id: RefundId, amount: Money) -> Refunded | Declined: ...

    async def movements(self, since: datetime) -> Sequence[Movement]:
        """All that ever moved by those payments that moved since then."""
        ...
