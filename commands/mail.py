"""Writing down which letters about an order went out, so that none goes out twice."""

from collections.abc import Sequence
from dataclasses import dataclass

from commands.decider import Fold, Read
from events.mail import MailEvent, MailRefused, MailSent
from events.values import OrderId, UserId


@dataclass(frozen=True, slots=True)
class RecordMail:
    """A letter went out; with `refused`, it never will, for this reason."""

    order_id: OrderId
    mail_id: str
    kind: str
    to: str
    refused: str | None = None
    customer_id: UserId = UserId("")


MailCommand = RecordMail

Settled = frozenset[str]
"""The letters that are done with. As few as an order has facts to tell of."""


def evolve(settled: Settled, event: MailEvent) -> Settled:
    return settled | {event.mail_id}


mails: Fold[Settled] = Fold("mail", frozenset(), evolve)


def decide(command: MailCommand, read: Read) -> Sequence[MailEvent]:
    if command.mail_id in read(mails(command.order_id)):
        return []
    if command.refused is not None:
        return [MailRefused(command.order_id, command.mail_id, command.kind, command.refused)]
    return [MailSent(command.order_id, command.mail_id, command.kind, command.to, command.customer_id)]
