"""The money side of the shop machine: who pays, in one go or in parts, and a bank that is slow and repeats itself."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from commands import Command
from commands.order_life import LapseOrder
from commands.paper import IssuePapers
from commands.payment import CapturePayment, LetGo, PayOrder, RefundOrder
from commands.settlement import (
    RecordAuthorization,
    RecordCapture,
    RecordCaptureFailure,
    RecordDecline,
    RecordRefund,
    RecordRefundFailure,
    RecordVoid,
)
from events.paper import Seller
from events.values import CaptureId, Money, OrderId, PaymentId, RefundId
from tests.properties.shop_bank import Ask, News, ShopBank
from tests.properties.shop_driver import MUCH_LATER, ShopDriver, eur

WHERE, WHICH = st.sampled_from([0, 1]), st.integers(0, 9)
QUARTERS = st.one_of(st.none(), st.integers(1, 4))
"""Of what an order costs; None: as much as there is."""

GIVEN_BACK = {"nothing": 0, "a part": 1, "a part, slowly": 1, "two parts, one in vain": 2}
"""While an order is paid in parts: so often a quarter of what it costs."""


class ShopTill(ShopDriver):
    """`bank` has its own book, and what it says may come late, again, and in any order.

    Which of two that race for an order wins is chance, and must not lead Hypothesis: so what rules are barred by, and
    choose by, may not depend on it. What there is to do for an order, they find out."""

    def __init__(self) -> None:
        super().__init__()
        self.bank = ShopBank()

    def asks(self, order_id: str) -> Sequence[Ask]:
        """What the bank was asked for and has not done yet."""
        self.read_on()
        asked = [fact for fact in self.facts if isinstance(fact, Ask) and fact.order_id == order_id]
        return [fact for fact in asked if fact not in self.bank.done]

    @precondition(lambda self: self.model.orders)
    @rule(which=WHICH, at_once=st.booleans(), where=WHERE)
    def pay(self, which: int, at_once: bool, where: int) -> None:
        order_id, payment_id = self.order(which), PaymentId(self.new_id())
        expected = self.purse(order_id).pay(payment_id, at_once=at_once)
        self.ask(PayOrder(order_id, payment_id, "tok", at_once), expected, where, papers(order_id))

    @precondition(lambda self: self.model.orders)
    @rule(which=WHICH, quarters=QUARTERS, where=WHERE)
    def capture(self, which: int, quarters: int | None, where: int) -> None:
        order_id, capture_id = self.order(which), CaptureId(self.new_id())
        part = self.part(order_id, quarters)
        expected = self.purse(order_id).capture(capture_id, part.amount if part else None)
        self.ask(CapturePayment(order_id, capture_id, part), expected, where)

    @precondition(lambda self: self.model.orders)
    @rule(which=WHICH, quarters=QUARTERS, where=WHERE)
    def give_back(self, which: int, quarters: int | None, where: int) -> None:
        order_id, refund_id = self.order(which), RefundId(self.new_id())
        part = self.part(order_id, quarters)
        expected = self.purse(order_id).give_back(part.amount if part else None)
        self.ask(RefundOrder(order_id, refund_id, "why", part), expected, where)

    @precondition(lambda self: self.model.orders)
    @rule(which=WHICH, late=st.booleans(), where=WHERE)
    def lapse(self, which: int, late: bool, where: int) -> None:
        order_id = self.order(which)
        now = MUCH_LATER + timedelta(1 if late else -1)
        self.ask(LapseOrder(order_id, now), self.model.lapse(order_id, late=late), where)

    @precondition(lambda self: self.model.orders)
    @rule(which=WHICH, where=WHERE)
    def let_go(self, which: int, where: int) -> None:
        """As the policy does behind every order that is cancelled or lapses; of others nothing is let go."""
        order_id = self.order(which)
        if self.model.orders[order_id].status == "CANCELLED":
            self.purse(order_id).let_go()
        self.ask(LetGo(order_id, "why"), None, where)

    @precondition(lambda self: self.model.orders)
    @rule(which=WHICH, ask=WHICH, well=st.sampled_from([True, True, False]), silently=st.booleans(), where=WHERE)
    def bank_works(self, which: int, ask: int, well: bool, silently: bool, where: int) -> None:
        """It does what it was asked; `silently`: and the answer is lost, or comes later."""
        if asks := self.asks(self.order(which)):
            news = self.bank.do(asks[ask % len(asks)], well=well)
            if not silently:
                self.tell(news, where)

    @precondition(lambda self: self.model.orders)
    @rule(which=WHICH, said=WHICH, where=WHERE)
    def bank_tells(self, which: int, said: int, where: int) -> None:
        """For the first time or once more."""
        if news := self.bank.news_of(self.order(which)):
            self.tell(news[-1 - said % len(news)], where)

    @precondition(lambda self: self.model.orders)
    @rule(which=WHICH, where=WHERE)
    def bank_catches_up(self, which: int, where: int) -> None:
        """Everything is done well and told, and what follows from that too."""
        order_id = self.order(which)
        for news in self.bank.news_of(order_id):
            self.tell(news, where)
        while asks := self.asks(order_id):
            self.tell(self.bank.do(asks[0], well=True), where)

    @precondition(lambda self: self.model.some_order("PENDING"))
    @rule(quarters=st.integers(1, 3), back=st.sampled_from(list(GIVEN_BACK)), where=WHERE)
    def pay_in_parts(self, quarters: int, back: str, where: int) -> None:
        """The newest order that waits for money: it is set aside, and taken in two parts. In between some of it goes
        back, and is paid once more; `slowly`: before it has gone; `in vain`: and then it stays, and is too much."""
        which = list(reversed(self.model.orders)).index(self.model.some_order("PENDING"))
        self.pay(which, False, where)
        self.bank_catches_up(which, where)
        self.capture(which, quarters, where)
        self.bank_catches_up(which, 1 - where)
        for _ in range(GIVEN_BACK[back]):
            self.give_back(which, 1, where)
        if back == "a part":
            self.bank_catches_up(which, where)
        self.capture(which, None, where)
        if back in ("a part, slowly", "two parts, one in vain"):
            self.bank_works(which, len(self.asks(self.order(which))) - 1, True, False, where)
        else:
            self.bank_catches_up(which, 1 - where)
        if GIVEN_BACK[back]:
            self.pay(which, True, where)
            if back == "two parts, one in vain":
                self.bank_works(which, 0, False, False, where)
            self.bank_catches_up(which, 1 - where)

    def tell(self, news: News, where: int) -> None:
        if news not in self.bank.told:
            self.purse(news.order_id).heard(news.what, news.payment_id, news.id_, news.amount)
            self.bank.told.add(news)
        self.ask(said(news), None, where, papers(news.order_id))

    def part(self, order_id: str, quarters: int | None) -> Money | None:
        return None if quarters is None else eur(self.purse(order_id).total * quarters // 4)


def papers(order_id: OrderId) -> IssuePapers:
    """Along with what the gateway says, as the policy and the webhooks have it."""
    return IssuePapers(order_id, datetime(2026, 5, 1, tzinfo=UTC), Seller("A shop"))


def said(news: News) -> Command:
    order_id, payment_id, amount = news.order_id, news.payment_id, eur(news.amount)
    match news.what:
        case "authorized":
            return RecordAuthorization(order_id, payment_id, amount, "ref", MUCH_LATER)
        case "declined":
            return RecordDecline(order_id, payment_id, "no funds")
        case "captured":
            return RecordCapture(order_id, payment_id, amount, "ref", CaptureId(news.id_))
        case "not captured":
            return RecordCaptureFailure(order_id, payment_id, CaptureId(news.id_), "no")
        case "voided":
            return RecordVoid(order_id, payment_id)
        case "refunded":
            return RecordRefund(order_id, payment_id, "ref", "why", RefundId(news.id_), amount)
        case _:
            return RecordRefundFailure(order_id, payment_id, RefundId(news.id_), "no")
