"""What letters to customers say, and that nothing in them can forge a header."""

from dataclasses import replace

import pytest

from events.order import (
    OrderCancelled,
    OrderEvent,
    OrderLapsed,
    OrderPaid,
    OrderPartlyShipped,
    OrderPlaced,
    OrderShipped,
    Shipping,
)
from events.payment import PaymentRefunded
from events.values import Address, Money
from infrastructure.mail.letters import KINDS, News, written
from infrastructure.mail.post import Letter, Undeliverable, message
from projections.order_summary import OrderSummaryRow
from tests.unit.pasts import ANN, LINES, NOON, ORDER, PAYMENT, TOTAL, eur

HOME = Address("Ann Lee", "High Street 1", "Dublin", "D01", "IE")
ROW = OrderSummaryRow(ORDER, ANN, "PENDING", "NONE", 2300, "EUR", LINES, HOME, "", "", "", NOON, NOON, NOON, 1)
PLACED = OrderPlaced(ORDER, ANN, LINES, TOTAL, lapses_at=NOON)
SENT = replace(PLACED, total=eur(3_320), shipping=Shipping("post", "By post", eur(490), eur(490)), tax=530)


@pytest.mark.parametrize(
    ("news", "subject", "says"),
    [
        (PLACED, "we have your order", "14.00 EUR  2 x Mug (MUG-S)\n 9.00 EUR  1 x Mug (MUG-L)\n23.00 EUR  Total"),
        (SENT, "we have your order", " 4.90 EUR  By post\n 5.30 EUR  Tax\n33.20 EUR  Total"),
        (replace(SENT, prices_include_tax=True), "we have your order", "4.90 EUR  By post\n33.20 EUR  Total"),
        (PLACED, "we have your order", "until 01 May 2026, 12:00 UTC"),
        (OrderPaid(ORDER, PAYMENT, TOTAL), "your payment has arrived", "High Street 1\nD01 Dublin\nIE"),
        (OrderPartlyShipped(ORDER, (), "DHL", "12"), "a part of your order is on its way", "DHL 12"),
        (OrderShipped(ORDER, "DHL", "123"), "your order is on its way", "DHL 123"),
        (OrderCancelled(ORDER, "changed my mind"), "your order is cancelled", "changed my mind"),
        (OrderLapsed(ORDER), "your order has lapsed", "not paid in time"),
        (PaymentRefunded(ORDER, PAYMENT, eur(500), "re_1", "too late"), "money is on its way back", "5.00 EUR"),
    ],
)
def test_a_letter_tells_what_happened(news: News, subject: str, says: str) -> None:
    assert written(news, ROW, "Tea House")[0] == f"Tea House: {subject}"
    text = written(news, ROW, "Tea House")[1]
    assert says in text
    assert text.startswith("Dear Ann Lee,\n\n")
    assert text.endswith(f"Order {ORDER}\nTea House\n")


def test_every_kind_of_news_has_a_name_of_its_own() -> None:
    assert len(set(KINDS.values())) == len(KINDS)
    assert set(KINDS) <= set(OrderEvent.__args__)


def test_an_amount_is_written_in_the_digits_of_its_currency() -> None:
    yen = OrderPaid(ORDER, PAYMENT, Money(1200, "JPY"))
    assert "1,200 JPY" in written(yen, ROW, "Tea House")[1]


def test_a_line_break_in_a_subject_makes_no_header() -> None:
    made = message(
        Letter("1@shop", "ann@example.org", "Hello\r\nBcc: eve@example.org", "Hi\n"), "Tea <tea@example.org>"
    )
    assert made["Bcc"] is None
    assert b"\r\nBcc" not in bytes(made)
    assert made["From"] == "Tea <tea@example.org>"


@pytest.mark.parametrize(
    "to", ["ann@example.org\r\nBcc: eve@example.org", "ann@example.org, eve@example.org", "nobody", ""]
)
def test_what_is_not_one_address_gets_no_letter(to: str) -> None:
    with pytest.raises(Undeliverable):
        message(Letter("1@shop", to, "Hello", "Hi\n"), "tea@example.org")
