"""What customers were told of their orders by mail."""

from dataclasses import dataclass

from events.values import OrderId, UserId, personal


@dataclass(frozen=True, slots=True)
class MailSent:
    """A letter went out. `mail_id` is the id of the fact that it tells of, so each is told of once."""

    order_id: OrderId
    mail_id: str
    kind: str
    to: str = personal()
    customer_id: UserId = UserId("")


@dataclass(frozen=True, slots=True)
class MailRefused:
    """A letter that cannot be delivered: the address does not exist, or it is old news by now."""

    order_id: OrderId
    mail_id: str
    kind: str
    reason: str


MailEvent = MailSent | MailRefused
