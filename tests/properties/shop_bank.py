"""A bank that does what it is asked once, and keeps every answer that it ever gave."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from events.payment import CaptureRequested, PaymentRequested, PaymentVoidRequested, RefundRequested
from events.values import OrderId, PaymentId

Ask = PaymentRequested | CaptureRequested | PaymentVoidRequested | RefundRequested
What = Literal["authorized", "declined", "captured", "not captured", "voided", "refunded", "not refunded"]


class News(NamedTuple):
    """`id_` is the capture's or the refund's; `amount` in cents."""

    what: What
    order_id: OrderId
    payment_id: PaymentId
    id_: str = ""
    amount: int = 0


@dataclass
class ShopBank:
    done: list[Ask] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    told: set[News] = field(default_factory=set)
    state: dict[PaymentId, str] = field(default_factory=dict)
    """Of each payment: set aside, taken at once, declined or let go."""

    def news_of(self, order_id: str) -> list[News]:
        return [each for each in self.news if each.order_id == order_id]

    def do(self, ask: Ask, *, well: bool) -> News:
        """What became of it."""
        news = self._answer(ask, well)
        self.done.append(ask)
        self.news.append(news)
        return news

    def _answer(self, ask: Ask, well: bool) -> News:
        order_id, payment_id = ask.order_id, ask.payment_id
        match ask:
            case PaymentRequested(amount=amount, capture=at_once):
                if not well or self.state.get(payment_id) == "voided":
                    self.state.setdefault(payment_id, "declined")
                    return News("declined", order_id, payment_id)
                self.state[payment_id] = "captured" if at_once else "authorized"
                return News("captured" if at_once else "authorized", order_id, payment_id, "", amount.amount)
            case CaptureRequested(capture_id=id_, amount=amount):
                if not well or self.state[payment_id] == "voided":
                    return News("not captured", order_id, payment_id, id_)
                return News("captured", order_id, payment_id, id_, amount.amount)
            case PaymentVoidRequested():
                if self.state.get(payment_id) == "captured":
                    return next(each for each in self.news if each[:3] == ("captured", order_id, payment_id))
                self.state[payment_id] = "voided"
                return News("voided", order_id, payment_id)
            case RefundRequested(refund_id=id_, amount=amount):
                return News("refunded" if well else "not refunded", order_id, payment_id, id_, amount.amount)
