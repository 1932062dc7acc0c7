"""How the sandbox answers: what becomes of a payment, as its test token says."""

import time
from collections.abc import Sequence

from infrastructure.sandbox.ledger import Ledger, Row

LATE_S = 1.0
AUTHORIZED_FOR_S = 7 * 24 * 3_600.0
_LATE = ("tok_late", "tok_webhook_twice", "tok_webhook_disorder")
_TAKEN = ("tok_approve", "tok_timeout", "tok_refund_decline", "tok_refund_late", "tok_capture_decline")


class Refusal(Exception):
    """An answer that a client has to take for none, or for its own mistake. `status` is that of HTTP."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Bank:
    """Each account sees its own payments. Answers are payments as they are now, with the `status` of what was asked."""

    def __init__(self, ledger: Ledger, *, late_s: float = LATE_S, authorized_for_s: float = AUTHORIZED_FOR_S) -> None:
        self.ledger = ledger
        self._late_s, self._authorized_for_s = late_s, authorized_for_s

    def authorize(self, account: str, asked: Row) -> Row:
        """Raises Refusal."""
        method, payment_id = asked["method"], asked["payment_id"]
        if method == "tok_unavailable":
            raise Refusal(503, "the sandbox was told not to answer")
        with self.ledger.all_or_none():
            known = self.ledger.find(account, payment_id)
            payment = known or self._begun(account, asked)
        if known is None and method == "tok_timeout":
            raise Refusal(504, "the answer was lost")
        if payment["method"] and (payment["amount"], payment["currency"]) != (asked["amount"], asked["currency"]):
            raise Refusal(422, "another amount was asked for under this payment_id")
        return payment

    def capture(self, account: str, payment_id: str, capture_id: str, amount: int) -> Row:
        """Raises Refusal."""
        with self.ledger.all_or_none():
            payment = self._known(account, payment_id)
            if self.ledger.moved(account, payment_id, "capture", capture_id):
                return {**payment, "status": "captured"}
            captured = amount + self.ledger.total(account, payment_id, "capture")
            if payment["status"] != "authorized":
                return _declined(payment, f"the payment is {payment['status']}")
            if payment["expires_at"] < time.time():
                return _declined(payment, "the authorization has expired")
            if payment["method"] == "tok_capture_decline":
                return _declined(payment, "the sandbox was told to decline captures")
            if captured > payment["amount"]:
                return _declined(payment, "more than was authorized")
            self.ledger.move(account, payment_id, "capture", capture_id, amount)
            if captured == payment["amount"]:
                self.ledger.change(account, payment_id, status="captured")
            return {**payment, "status": "captured"}

    def void(self, account: str, payment_id: str) -> Row:
        """What was never heard of is remembered as void: should it be asked for after all, it is declined."""
        with self.ledger.all_or_none():
            payment = self.ledger.find(account, payment_id)
            if payment is None:
                return self.ledger.add(account=account, payment_id=payment_id, status="voided")
            if self.ledger.moved(account, payment_id, "capture", ""):
                return {**payment, "status": "captured"}
            if payment["status"] != "declined":
                self.ledger.change(account, payment_id, status="voided")
            return {**payment, "status": "voided"}

    def refund(self, account: str, payment_id: str, refund_id: str, amount: int) -> Row:
        """Raises Refusal."""
        with self.ledger.all_or_none():
            payment = self._known(account, payment_id)
            if self.ledger.moved(account, payment_id, "refund", refund_id):
                return {**payment, "status": "refunded"}
            if payment["method"] == "tok_refund_decline":
                return _declined(payment, "the sandbox was told to decline refunds")
            captured, refunded = (self.ledger.total(account, payment_id, kind) for kind in ("capture", "refund"))
            if refunded + amount > captured:
                return _declined(payment, "more than was captured")
            if payment["method"] == "tok_refund_late":
                self.ledger.promise(payment, self._late_s, "refund", refund_id, amount)
                return {**payment, "status": "pending"}
            self.ledger.move(account, payment_id, "refund", refund_id, amount)
            return {**payment, "status": "refunded"}

    def confirm(self, reference: str, *, approved: bool) -> Row:
        """The shopper's second step. Raises Refusal."""
        with self.ledger.all_or_none():
            payment = self.by_reference(reference)
            if payment["status"] != "action_required":
                return payment
            if approved:
                return self._settled(payment)
            self.ledger.tell(payment, "payment.declined", "", 0)
            return self._set(payment, status="declined", reason="the shopper did not confirm")

    def by_reference(self, reference: str) -> Row:
        """Raises Refusal."""
        if (payment := self.ledger.by_reference(reference)) is None:
            raise Refusal(404, "there is no such payment")
        return payment

    def movements(self, account: str, since: float) -> Sequence[Row]:
        """All that ever moved by those payments that moved since then."""
        return self.ledger.movements(account, since)

    def keep_promises(self) -> None:
        """Do what has become due: late answers and late refunds."""
        with self.ledger.all_or_none():
            for each in self.ledger.due():
                payment = self._known(each["account"], each["payment_id"])
                if each["kind"] == "refund":
                    refund = each["movement_id"], each["amount"]
                    self.ledger.move(each["account"], each["payment_id"], "refund", *refund)
                    self.ledger.tell(payment, "refund.succeeded", *refund)
                elif payment["status"] == "pending":
                    self._settled(payment)

    def _begun(self, account: str, asked: Row) -> Row:
        method, names = asked["method"], ("payment_id", "order_id", "amount", "currency", "method", "notify_url")
        payment = self.ledger.add(
            account=account,
            at_once=asked["capture"],
            **{name: asked[name] for name in names},
            **self._answer(method, at_once=asked["capture"]),
        )
        if payment["status"] == "captured":
            self._take(payment)
        if payment["status"] == "pending":
            self.ledger.promise(payment, self._late_s, "settle", "", 0)
        return payment

    def _answer(self, method: str, *, at_once: bool) -> Row:
        """What is said to a new payment, in columns."""
        if method in _LATE:
            return {"status": "pending"}
        if method == "tok_action_required":
            return {"status": "action_required"}
        if method in _TAKEN and not (method == "tok_capture_decline" and at_once):
            return self._accepted(at_once=at_once)
        is_known = method in ("tok_decline", "tok_capture_decline")
        return {"status": "declined", "reason": "card_declined" if is_known else "unknown_payment_method"}

    def _accepted(self, *, at_once: bool) -> Row:
        expires_at = time.time() + self._authorized_for_s
        return {"status": "captured" if at_once else "authorized", "expires_at": expires_at}

    def _take(self, payment: Row) -> None:
        self.ledger.move(payment["account"], payment["payment_id"], "capture", "", payment["amount"])

    def _settled(self, payment: Row) -> Row:
        """Set aside or taken, and told: nobody was answered so at once."""
        news = ["payment.authorized"]
        if payment["at_once"]:
            self._take(payment)
            news.append("payment.captured")
        if payment["method"] == "tok_webhook_disorder":
            news.reverse()
        times = 2 if payment["method"] == "tok_webhook_twice" else 1
        for each in news:
            self.ledger.tell(payment, each, "", payment["amount"], times=times)
        return self._set(payment, **self._accepted(at_once=payment["at_once"]))

    def _known(self, account: str, payment_id: str) -> Row:
        if (payment := self.ledger.find(account, payment_id)) is None:
            raise Refusal(404, "there is no such payment")
        return payment

    def _set(self, payment: Row, **values: object) -> Row:
        self.ledger.change(payment["account"], payment["payment_id"], **values)
        return {**payment, **values}


def _declined(payment: Row, reason: str) -> Row:
    return {**payment, "status": "declined", "reason": reason}
