"""What stands on invoices and credit notes, to the cent, and the pages that are made of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.order_life import order_after
from events import Event
from events.order import OrderPlaced, OrderReturned, Returned, Shipping
from events.values import Address, Line, Sku
from infrastructure.paper_pdf import Press
from queries.order_summary import Order
from queries.paper import Document, Paper, Seller, document
from queries.paper_taxes import Part, by_rate, shares
from queries.rows import Money
from tests.unit.pasts import ANN, KITCHEN, LARGE, MUG, ORDER, RETURN, SMALL, eur, paid, shipped
from tests.unit.told_rows import recorded

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
SHOP = Seller("Mugs & Wörter", ["Hafenstraße 12", "20457 Hamburg"], "DE123456789")
HOME = Address("Ада Лавлейс", "Rue de l'Église 7", "Paris", "75004", "FR")
INVOICE = Paper("INV-2026-000001", "invoice", ORDER, None, Money(2856, "EUR"), "", "", SHOP, NEW_YEAR, None)
LINES = (
    Line(SMALL, MUG, "Mug", KITCHEN, 2, eur(700), eur(1300), discount=100, tax=247, tax_ppm=190_000),
    Line(LARGE, MUG, "Book", KITCHEN, 1, eur(700), eur(700), tax=49, tax_ppm=70_000),
)
POST = Shipping("std", "Standard", eur(490), eur(470), discount=20, tax=89, tax_ppm=190_000)


def order_of(
    *lines: Line, includes_tax: bool = False, shipping: Shipping | None = None, back: Sequence[Event] = ()
) -> Order:
    sold: list[Line | Shipping] = [*lines, *([shipping] if shipping else [])]
    tax, discount = sum(each.tax for each in sold), sum(each.discount for each in sold)
    total = sum(each.total.amount for each in sold) + (0 if includes_tax else tax)
    placed = OrderPlaced(
        ORDER,
        ANN,
        lines,
        eur(total),
        ship_to=HOME,
        shipping=shipping,
        coupon="TENTH",
        discount=discount,
        tax=tax,
        prices_include_tax=includes_tax,
    )
    order = order_after(recorded([placed, *paid, shipped, *back]))
    assert order is not None
    return order


def amounts(paper: Document) -> list[tuple[int, int, int, int]]:
    return [(each.tax_ppm, each.net.amount, each.tax.amount, each.gross.amount) for each in paper.taxes]


def test_an_invoice_says_what_was_sold_and_what_tax_is_in_it() -> None:
    order = order_of(*LINES, shipping=POST)
    paper = document(replace(INVOICE, total=order.total), order)
    assert paper.total == Money(2855, "EUR")
    assert amounts(paper) == [(190_000, 1770, 336, 2106), (70_000, 700, 49, 749)]
    goods = sum(line.total.amount + line.discount.amount for line in paper.lines)
    assert goods - paper.discount.amount + paper.shipping.amount + paper.tax.amount == paper.total.amount
    assert paper.buyer is not None
    assert paper.buyer.name == "Ада Лавлейс"


def test_tax_that_prices_contain_is_not_added() -> None:
    paper = document(replace(INVOICE, total=Money(2470, "EUR")), order_of(*LINES, includes_tax=True, shipping=POST))
    assert amounts(paper) == [(190_000, 1434, 336, 1770), (70_000, 651, 49, 700)]
    assert sum(each.gross.amount for each in paper.taxes) == paper.total.amount


def test_a_credit_note_for_goods_names_them_and_their_own_rate() -> None:
    back = OrderReturned(ORDER, RETURN, (Returned(LARGE, 1, True, "main", eur(749)),), "too heavy")
    note = Paper("CN-1", "credit_note", ORDER, "INV-1", Money(749, "EUR"), "too heavy", RETURN, SHOP, NEW_YEAR, None)
    paper = document(note, order_of(*LINES, shipping=POST, back=[back]))
    assert [(line.sku, line.quantity, line.total.amount) for line in paper.lines] == [(LARGE, 1, 749)]
    assert amounts(paper) == [(70_000, 700, 49, 749)]
    other = document(replace(note, total=Money(100, "EUR")), order_of(*LINES, shipping=POST, back=[back]))
    assert other.lines == []
    assert amounts(other) == [(190_000, 62, 12, 74), (70_000, 24, 2, 26)]


def test_a_credit_note_for_all_of_an_invoice_has_its_taxes() -> None:
    order = order_of(*LINES, shipping=POST)
    note = Paper("CN-1", "credit_note", ORDER, "INV-1", order.total, "cancelled", "", SHOP, NEW_YEAR, None)
    assert document(note, order).taxes == document(replace(INVOICE, total=order.total), order).taxes


PARTS = st.lists(
    st.builds(
        lambda rate, gross: Part(rate, gross, gross * rate // (1_000_000 + rate)),
        st.sampled_from([0, 70_000, 190_000]),
        st.integers(0, 10_000),
    ),
    min_size=1,
    max_size=6,
)


@given(PARTS, st.integers(0, 100))
def test_a_share_of_an_amount_sums_to_it_and_all_of_it_is_the_whole(parts: list[Part], percent: int) -> None:
    whole = sum(part.gross for part in parts)
    some = shares(parts, Money(whole * percent // 100, "EUR"))
    assert sum(part.gross for part in some) == whole * percent // 100
    assert all(0 <= part.tax <= part.gross for part in some)
    if whole:
        assert shares(parts, Money(whole, "EUR")) == by_rate(parts)


async def pages(paper: Document, *, is_copy: bool = False) -> list[str]:
    press = Press()
    pdf = pypdfium2.PdfDocument(await press(paper, is_copy=is_copy))
    press.close()
    return [page.get_textpage().get_text_range() for page in pdf]


async def test_the_page_shows_it_all() -> None:
    order = order_of(*LINES, shipping=POST)
    [page] = await pages(document(replace(INVOICE, total=order.total), order))
    for said in (
        *("Invoice INV-2026-000001", "Mugs & Wörter", "Hafenstraße 12", "DE123456789", "Ада Лавлейс", "75004 Paris"),
        *("1 January 2026", ORDER, "Book", "discount 1.00 EUR", "13.00 EUR", "Discount TENTH"),
        *("\N{MINUS SIGN}1.20 EUR", "Shipping: Standard", "4.90 EUR", "3.85 EUR", "28.55 EUR"),
        *("19 %", "17.70 EUR", "21.06 EUR", "7 %", "Page 1 of 1"),
    ):
        assert said in page, page
    assert "COPY" not in page


async def test_sixty_lines_go_over_several_pages_and_a_copy_says_so_on_each() -> None:
    lines = [Line(Sku(f"MUG-{n}"), MUG, f"Mug number {n}", KITCHEN, 1, eur(n), eur(n)) for n in range(60)]
    order = order_of(*lines)
    found = await pages(document(replace(INVOICE, total=order.total), order), is_copy=True)
    assert len(found) > 2
    assert all("COPY" in page and f"Page {n} of {len(found)}" in page for n, page in enumerate(found, 1))
    assert all("Amount" in page for page in found[:-1]), "the head of the table is on every page"
    text = "".join(found)
    assert all(f"Mug number {n}" in text for n in range(60))
    assert "Tax" not in found[0].replace("Tax ID", ""), "a shop without taxes says nothing of them"


@pytest.mark.parametrize("text", ["#panic()", "$ x", "*b* _i_ @ref <l> \\ // [", '"', "`", "מאג", "杯子", "☕"])
async def test_what_people_write_is_text_and_never_markup(text: str) -> None:
    line = Line(SMALL, MUG, text, KITCHEN, 1, eur(700), eur(700))
    order = order_of(line)
    [page] = await pages(document(replace(INVOICE, total=order.total), order))
    assert "7.00 EUR" in page
    if text.isascii():
        assert text in page


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=200))
def test_no_name_keeps_a_page_from_being_made(name: str) -> None:

    order = order_of(Line(SMALL, MUG, name, KITCHEN, 1, eur(700), eur(700)))
    assert asyncio.run(pages(document(replace(INVOICE, total=order.total), order)))
