"""The sandbox as a bank: what it promised it keeps, asked twice it moves money once, and a restart forgets nothing."""

import time
from pathlib import Path
from typing import Any

import pytest

from infrastructure.sandbox import TOKENS
from infrastructure.sandbox.bank import Bank, Refusal
from infrastructure.sandbox.ledger import Ledger
from infrastructure.sandbox.page import page

US, OTHERS = "us", "others"


def asked(method: str = "tok_approve", *, capture: bool = True, amount: int = 1_000) -> dict[str, Any]:
    said = {"order_id": "ord_1", "payment_id": "pay_1", "amount": amount, "currency": "EUR"}
    return {**said, "method": method, "capture": capture, "notify_url": "http://shop.test/hook"}


@pytest.fixture
def bank() -> Bank:
    return Bank(Ledger(":memory:"), late_s=0)


def moved(bank: Bank) -> list[tuple[str, int]]:
    return [(each["kind"], each["amount"]) for each in bank.movements(US, 0)]


def told(bank: Bank) -> list[str]:
    """The webhooks that it sends now, in their order."""
    found = []
    while webhook := bank.ledger.take_webhook(60):
        found.append(f"{webhook['type']} {webhook['event_id']}")
    events = list(dict.fromkeys(found))
    return [f"{each.split()[0]} x{found.count(each)}" for each in events]


def test_a_payment_asked_for_twice_moves_money_once(bank: Bank) -> None:
    first, again = bank.authorize(US, asked()), bank.authorize(US, asked())
    assert (first["status"], again["reference"]) == ("captured", first["reference"])
    assert moved(bank) == [("capture", 1_000)]
    with pytest.raises(Refusal):
        bank.authorize(US, asked(amount=999))
    assert bank.movements(OTHERS, 0) == [], "each key has an account of its own"


def test_an_answer_may_be_lost_and_the_money_is_taken_all_the_same(bank: Bank) -> None:
    with pytest.raises(Refusal) as lost:
        bank.authorize(US, asked("tok_timeout"))
    assert lost.value.status == 504
    assert bank.authorize(US, asked("tok_timeout"))["status"] == "captured"
    assert moved(bank) == [("capture", 1_000)]


def test_it_captures_no_more_than_was_set_aside_and_only_in_time(bank: Bank) -> None:
    assert bank.authorize(US, asked(capture=False))["status"] == "authorized"
    assert bank.capture(US, "pay_1", "cap_1", 400)["status"] == "captured"
    assert bank.capture(US, "pay_1", "cap_1", 400)["status"] == "captured"
    assert bank.capture(US, "pay_1", "cap_2", 601)["reason"] == "more than was authorized"
    assert bank.capture(US, "pay_1", "cap_2", 600)["status"] == "captured"
    assert bank.capture(US, "pay_1", "cap_3", 1)["status"] == "declined"
    assert moved(bank) == [("capture", 400), ("capture", 600)]
    expired = Bank(Ledger(":memory:"), authorized_for_s=-1)
    expired.authorize(US, asked(capture=False))
    assert expired.capture(US, "pay_1", "cap_1", 1)["reason"] == "the authorization has expired"


def test_what_is_void_before_it_was_heard_of_is_never_taken(bank: Bank) -> None:
    assert bank.void(US, "pay_1")["status"] == "voided"
    assert bank.authorize(US, asked())["status"] == "voided"
    assert moved(bank) == []


def test_what_is_taken_cannot_be_voided_and_what_is_set_aside_can(bank: Bank) -> None:
    bank.authorize(US, asked())
    assert bank.void(US, "pay_1")["status"] == "captured"
    aside = Bank(Ledger(":memory:"))
    aside.authorize(US, asked(capture=False))
    assert [aside.void(US, "pay_1")["status"] for _ in range(2)] == ["voided", "voided"]
    assert aside.capture(US, "pay_1", "cap_1", 1)["status"] == "declined"


def test_it_gives_back_no_more_than_it_took(bank: Bank) -> None:
    bank.authorize(US, asked())
    assert [bank.refund(US, "pay_1", "ref_1", 700)["status"] for _ in range(2)] == ["refunded", "refunded"]
    assert bank.refund(US, "pay_1", "ref_2", 301)["reason"] == "more than was captured"
    assert moved(bank) == [("capture", 1_000), ("refund", 700)]
    with pytest.raises(Refusal):
        bank.refund(US, "pay_2", "ref_1", 1)


@pytest.mark.parametrize(
    ("method", "webhooks"),
    [
        ("tok_late", ["payment.authorized x1", "payment.captured x1"]),
        ("tok_webhook_twice", ["payment.authorized x2", "payment.captured x2"]),
        ("tok_webhook_disorder", ["payment.captured x1", "payment.authorized x1"]),
    ],
)
def test_a_late_answer_comes_by_webhooks(bank: Bank, method: str, webhooks: list[str]) -> None:
    assert bank.authorize(US, asked(method))["status"] == "pending"
    assert moved(bank) == []
    bank.keep_promises()
    assert told(bank) == webhooks
    assert bank.authorize(US, asked(method))["status"] == "captured"
    assert moved(bank) == [("capture", 1_000)]


def test_what_is_voided_meanwhile_is_not_taken_late(bank: Bank) -> None:
    bank.authorize(US, asked("tok_late"))
    bank.void(US, "pay_1")
    bank.keep_promises()
    assert (moved(bank), told(bank)) == ([], [])


def test_a_late_refund_moves_once_however_often_it_is_asked_for(bank: Bank) -> None:
    bank.authorize(US, asked("tok_refund_late"))
    assert [bank.refund(US, "pay_1", "ref_1", 1_000)["status"] for _ in range(3)] == ["pending"] * 3
    bank.keep_promises()
    assert bank.refund(US, "pay_1", "ref_1", 1_000)["status"] == "refunded"
    assert (moved(bank), told(bank)) == ([("capture", 1_000), ("refund", 1_000)], ["refund.succeeded x1"])


def test_the_page_asks_as_long_as_there_is_something_to_decide(bank: Bank) -> None:
    payment = bank.authorize(US, asked("tok_action_required", amount=1_234))
    before = page({**payment, "order_id": "<b>ord_1</b>"})
    assert "12.34 EUR" in before and before.count("<button") == 2
    assert "&lt;b&gt;ord_1" in before and "<b>" not in before
    after = page(bank.confirm(payment["reference"], approved=True))
    assert "<button" not in after and "approved" in after
    assert "<button" not in page({**payment, "status": "declined"})


def test_a_shopper_confirms_once(bank: Bank) -> None:
    reference = bank.authorize(US, asked("tok_action_required"))["reference"]
    assert bank.confirm(reference, approved=True)["status"] == "captured"
    assert bank.confirm(reference, approved=False)["status"] == "captured"
    with pytest.raises(Refusal):
        bank.confirm("nobody's", approved=True)


def test_every_token_is_known_and_no_other(bank: Bank) -> None:
    for number, method in enumerate([*TOKENS, "tok_stolen"]):
        said = {**asked(method), "payment_id": f"pay_{number}"}
        if method == "tok_unavailable":
            with pytest.raises(Refusal):
                bank.authorize(US, said)
        elif method != "tok_timeout":
            is_known = bank.authorize(US, said)["reason"] != "unknown_payment_method"
            assert is_known is (method != "tok_stolen"), method


def test_a_webhook_comes_again_until_it_is_taken(bank: Bank) -> None:
    bank.authorize(US, asked("tok_late"))
    bank.keep_promises()
    first = bank.ledger.take_webhook(0)
    assert first is not None
    taken = {(bank.ledger.take_webhook(0) or first)["id"] for _ in range(6)}
    assert first["id"] in taken and len(taken) == 2
    for webhook_id in taken:
        bank.ledger.delivered(webhook_id)
    assert bank.ledger.take_webhook(0) is None


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.sqlite3"
    before = Bank(Ledger(file), late_s=0)
    reference = before.authorize(US, asked("tok_late"))["reference"]
    after = Bank(Ledger(file))
    after.keep_promises()
    assert after.authorize(US, asked("tok_late"))["reference"] == reference
    assert moved(before) == moved(after) == [("capture", 1_000)]
    assert after.movements(US, time.time() + 60) == []
