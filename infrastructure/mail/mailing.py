"""The policy that tells customers what became of their orders: once for each fact, and never about the distant past."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import structlog

from commands.handler import Handler
from commands.mail import RecordMail, mails
from commands.policy import Policy
from commands.user import users
from events.store import EventStore, Fact, Recorded, StreamArchived
from events.values import FORGOTTEN, UserId
from infrastructure.mail.letters import KINDS, News, written
from infrastructure.mail.post import Letter, Post, Undeliverable
from projections.order_summary import OrderSummaryRow, order_summary
from projections.projection import Projection
from projections.user_account import user_account

NEWS_FOR = timedelta(days=3)
"""What happened longer ago is told to nobody: history that is brought in, a policy that begins on an old book."""

log = structlog.get_logger(__name__)


def mailing(post: Post | None, store: EventStore, *, shop: str, domain: str) -> Policy:
    """Without a post nobody is told anything, and no fact is read. `shop` is what it calls itself in letters, `domain`
    where their ids are unique."""
    return Policy("mail", tuple(KINDS) if post else (), _Mailing(post, store, shop, domain).react)


@dataclass(frozen=True, slots=True)
class _Mailing:
    """Sends before it writes down that it has: a crash in between sends the same letter again, by the same
    Message-ID."""

    post: Post | None
    store: EventStore
    shop: str
    domain: str

    async def react(self, fact: Recorded, handler: Handler) -> Sequence[RecordMail]:
        """What is to be recorded of the letter about this fact. Raises MailUnavailable."""
        if self.post is None or datetime.now(UTC) - fact.occurred_at > NEWS_FOR:
            return ()
        news = cast(News, fact.event)
        mail_id, kind = str(fact.id), KINDS[type(news)]
        if mail_id in await handler.read(mails(news.order_id)):
            return ()
        order, to = await self._order(fact)
        if order is None or not to:
            return ()
        subject, text = written(news, order, self.shop)
        refused = None
        try:
            await self.post.send(Letter(f"{mail_id}@{self.domain}", to, subject, text))
        except Undeliverable as error:
            refused = str(error)
            log.warning("mail_undeliverable", order=news.order_id, kind=kind, reason=refused)
        return [RecordMail(news.order_id, mail_id, kind, to, refused, UserId(order.customer_id))]

    async def _order(self, fact: Recorded) -> tuple[OrderSummaryRow | None, str]:
        """The order as it was right after the fact, and where to write to: the address that was given with it, or the
        one of its customer's account as it is now; "" if there is none."""
        try:
            past = await self.store.read([fact.stream])
            order = _row(order_summary, [each for each in past if each.version <= fact.version])
            if order is None or order.email:
                return order, order.email if order else ""
            account = _row(user_account, await self.store.read([users(UserId(order.customer_id)).stream]))
        except StreamArchived:
            return None, ""
        return order, account.email if account is not None and account.email != FORGOTTEN else ""


def _row(projection: Projection[Any], facts: Sequence[Fact[Any]]) -> Any:
    row = None
    for fact in facts:
        row = projection.evolve(row, fact, ())
    return row
