"""What reports are sums of, told as stories: given these facts, then these entries."""

from dataclasses import replace
from typing import Any

import pytest

from events import Event
from events.cart import CartCleared, CartClosed, CartLineAdded, CartLineChanged, CartLineRemoved, CartMerged, MergedLine
from events.category import CategoryCreated, CategoryMoved
from events.order import OrderPlaced, OrderReturned, Returned, Shipping
from events.payment import PaymentRefunded
from events.product import PriceChanged, ProductSlugChanged
from events.stock import (
    StockAdjusted,
    StockArrived,
    StockCommitted,
    StockRanLow,
    StockReceived,
    StockRecovered,
    StockReserved,
    StockReturned,
    StockSent,
    StockWrittenOff,
)
from projections import PROJECTIONS
from projections.cart_entry import cart_entry
from projections.catalog_entry import catalog_entry
from projections.money_entry import MoneyEntryRow, money_entry
from projections.price_entry import PriceEntryRow, price_entry
from projections.projection import Projection
from projections.return_line import ReturnLineRow, return_line
from projections.sale import SaleRow, sale
from projections.sale_line import SaleLineRow, sale_line
from projections.stock_entry import StockEntryRow, stock_entry
from tests.unit import pasts
from tests.unit.pasts import ANN, CART, CUPS, GUEST, KITCHEN, LARGE, MUG, ORDER, PAYMENT, SMALL, TOTAL, eur
from tests.unit.told_rows import minute, rows


def entries(projection: Projection[Any], *events: Event) -> list[Any]:
    return list(rows(projection, *events).values())


def test_a_sale_knows_when_it_was_placed_paid_and_shipped() -> None:
    begun = pasts.placed[0]
    placed = SaleRow(ORDER, ANN, CART, 3, 2_300, 0, "EUR", minute(1), 1)
    assert entries(sale, begun, pasts.requested, pasts.captured) == [placed]
    paid = placed._replace(payment_id=PAYMENT, paid_at=minute(4), paid_position=4)
    assert entries(sale, begun, *pasts.paid) == [paid]
    shipped = paid._replace(shipped_at=minute(5), shipped_position=5)
    assert entries(sale, begun, *pasts.paid, pasts.shipped) == [shipped]


def test_every_line_of_an_order_knows_which_part_of_the_money_is_its_own() -> None:
    assert entries(sale_line, *pasts.placed) == [
        SaleLineRow(1, 1, SMALL, MUG, KITCHEN, 2, 1_400, 0, True, True),
        SaleLineRow(1, 2, LARGE, MUG, KITCHEN, 1, 900, 1_400, False, False),
    ]


def test_what_a_line_sold_for_has_its_tax_in_it_wherever_that_is_said() -> None:
    taxed = tuple(replace(line, tax=100) for line in pasts.LINES)
    post = Shipping("post", "By post", eur(400), eur(400), tax=80)
    for included, totals, shipping in ((True, [1_400, 900], 400), (False, [1_500, 1_000], 480)):
        total = eur(sum(totals) + shipping)
        order = OrderPlaced(ORDER, ANN, taxed, total, shipping=post, tax=280, prices_include_tax=included)
        lines = entries(sale_line, order)
        assert [line.total_minor for line in lines] == totals
        assert lines[1].before_minor == totals[0]
        assert [row.shipping_minor for row in entries(sale, order)] == [shipping]


def test_money_comes_and_goes_back_in_entries_of_their_own() -> None:
    refunded = PaymentRefunded(ORDER, PAYMENT, eur(300), "ref_2", "too late")
    assert entries(money_entry, *pasts.placed, pasts.captured, refunded, refunded) == [
        MoneyEntryRow(5, ORDER, PAYMENT, "EUR", TOTAL.amount, 0, minute(5)),
        MoneyEntryRow(6, ORDER, PAYMENT, "EUR", 0, 300, minute(6), ""),
        MoneyEntryRow(7, ORDER, PAYMENT, "EUR", 0, 300, minute(7), ""),
    ]


def test_every_line_of_a_return_knows_which_part_of_its_worth_is_its_own() -> None:
    units = (Returned(SMALL, 1, True, "main", eur(700)), Returned(LARGE, 1, False, "main", eur(900)))
    assert entries(return_line, OrderReturned(ORDER, pasts.RETURN, units, "why")) == [
        ReturnLineRow(1, 1, ORDER, pasts.RETURN, SMALL, 700, 0, 1_600),
        ReturnLineRow(1, 2, ORDER, pasts.RETURN, LARGE, 900, 700, 1_600),
    ]


@pytest.mark.parametrize(
    ("event", "kind", "quantity"),
    [
        (StockReceived(SMALL, 3), "received", 3),
        (StockAdjusted(SMALL, -3, "lost"), "adjusted", -3),
        (StockCommitted(SMALL, ORDER, 3), "sold", -3),
        (StockReturned(SMALL, ORDER, 3, "too big"), "returned", 3),
        (StockWrittenOff(SMALL, ORDER, 3, "torn"), "written_off", -3),
        (StockSent(SMALL, 3, "attic"), "moved", -3),
        (StockArrived(SMALL, 3, "attic"), "moved", 3),
        (StockRanLow(SMALL, 2, 2), "low", 0),
        (StockRecovered(SMALL, 5), "recovered", 0),
    ],
)
def test_goods_move_in_entries(event: Event, kind: str, quantity: int) -> None:
    reserved = StockReserved(SMALL, ORDER, 3)
    assert entries(stock_entry, reserved, event) == [StockEntryRow(2, SMALL, "main", kind, quantity, minute(2))]


def test_every_price_that_was_set_is_an_entry() -> None:
    assert entries(price_entry, pasts.variants[1], PriceChanged(MUG, SMALL, eur(650), eur(700))) == [
        PriceEntryRow(1, SMALL, "EUR", 700, minute(1)),
        PriceEntryRow(2, SMALL, "EUR", 650, minute(2)),
    ]


def test_a_cart_is_filled_and_its_filling_ends() -> None:
    merged = CartMerged(CART, GUEST, (MergedLine(SMALL, MUG, 2), MergedLine(LARGE, MUG, 0, left_out=1)))
    found = entries(
        cart_entry,
        *pasts.filled_cart,
        CartLineChanged(CART, SMALL, 5),
        CartLineRemoved(CART, LARGE),
        merged,
        CartClosed(GUEST, CART),
        pasts.placed[-1],
        CartLineAdded(CART, SMALL, MUG, 1),
        CartCleared(CART),
    )
    assert [(row.position, row.line, row.cart_id, row.kind, row.sku, row.quantity, row.order_id) for row in found] == [
        (2, 1, CART, "added", SMALL, 2, None),
        (3, 1, CART, "added", LARGE, 1, None),
        (4, 1, CART, "set", SMALL, 5, None),
        (5, 1, CART, "set", LARGE, 0, None),
        (6, 1, CART, "added", SMALL, 2, None),
        (6, 2, CART, "added", LARGE, 0, None),
        (7, 1, GUEST, "merged", None, 0, None),
        (8, 1, CART, "checked_out", None, 0, ORDER),
        (9, 1, CART, "added", SMALL, 1, None),
        (10, 1, CART, "cleared", None, 0, None),
    ]


def test_names_and_places_are_told_from_when_on() -> None:
    found = entries(
        catalog_entry,
        CategoryCreated(CUPS, "cups", "Cups"),
        CategoryMoved(CUPS, KITCHEN),
        *pasts.draft[3:],
        ProductSlugChanged(MUG, "big-mug", "mug"),
    )
    assert [tuple(row) for row in found] == [
        (1, CUPS, "category", "cups", None),
        (2, CUPS, "category", None, KITCHEN),
        (3, MUG, "product", "mug", None),
        (4, MUG, "product", "big-mug", None),
    ]


@pytest.mark.parametrize("projection", [each for each in PROJECTIONS if each.journal], ids=lambda each: each.name)
def test_entries_stand_under_their_positions_and_are_never_changed(projection: Projection[Any]) -> None:
    assert projection.key[0] == "position"
    came_back = OrderReturned(ORDER, pasts.RETURN, (Returned(SMALL, 1, True, "main", eur(700)),), "why")
    story = [*pasts.stocked, *pasts.filled_cart, *pasts.placed, *pasts.paid, came_back]
    before = rows(projection, *story)
    assert before
    after = rows(projection, *story, *story)
    assert {key: after[key] for key in before} == before
    assert len(after) == 2 * len(before)
