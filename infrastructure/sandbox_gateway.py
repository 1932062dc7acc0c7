"""A payment gateway that moves no money: what it answers is chosen by the token it is asked to charge."""

import hashlib

from commands.fulfilment import Captured, Declined, GatewayUnavailable
from events.values import Money, PaymentId


class SandboxGateway:
    """`tok_approve` pays, `tok_decline` is refused, `tok_unavailable` never answers, any other token is not known.

    References are made from the payment's id, so asking twice gives the same answer, as a real gateway's
    idempotency key does.
    """

    async def capture(self, payment_id: PaymentId, amount: Money, method: str) -> Captured | Declined:
        match method:
            case "tok_approve":
                return Captured(_reference("ch", payment_id))
            case "tok_decline":
                return Declined("card_declined")
            case "tok_unavailable":
                raise GatewayUnavailable("the sandbox was told not to answer")
            case _:
                return Declined("unknown_payment_method")

    async def refund(self, payment_id: PaymentId, amount: Money) -> str:
        return _reference("re", payment_id)


def _reference(kind: str, payment_id: PaymentId) -> str:
    return f"sandbox_{kind}_{hashlib.sha256(payment_id.encode()).hexdigest()[:16]}"
