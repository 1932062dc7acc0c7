"""The money that goes back with the goods: what was paid for them, as far as it is held, or what staff say."""

import pytest

from commands.rejections import AmountRefused
from commands.returning import Back, ReturnOrder
from events.payment import RefundRequested
from events.values import Money, RefundId
from tests.unit.pasts import LARGE, ORDER, PAYMENT, RETURN, SMALL, eur, paid, placed, shipped, stocked
from tests.unit.paying import BACK
from tests.unit.shop import Shop, given, refused


def refunds(shop: Shop, *units: Back, amount: Money | None = None, refund: bool = True) -> list[RefundRequested]:
    facts = shop.when(ReturnOrder(ORDER, RETURN, units, "broken", refund=refund, amount=amount))
    return [fact for fact in facts if isinstance(fact, RefundRequested)]


def back(amount: int) -> RefundRequested:
    return RefundRequested(ORDER, PAYMENT, RefundId(RETURN), eur(amount), "broken")


@pytest.fixture
def shop() -> Shop:
    return given(*stocked, *placed, *paid, shipped)


ALL = Back(SMALL, 2, True), Back(LARGE, 1, False)


def test_what_was_paid_for_the_goods_goes_back_whether_they_can_be_sold_again_or_not(shop: Shop) -> None:
    assert refunds(shop, Back(SMALL, 1, True), Back(LARGE, 1, False)) == [back(1600)]


def test_without_a_word_about_money_none_goes_back(shop: Shop) -> None:
    assert refunds(shop, *ALL, refund=False) == []


def test_no_more_goes_back_by_itself_than_is_held(shop: Shop) -> None:
    shop.add(RefundRequested(ORDER, PAYMENT, BACK, eur(2000), "goodwill"))
    assert refunds(shop, *ALL) == [back(300)]


def test_goods_come_back_where_no_money_is_left(shop: Shop) -> None:
    shop.add(RefundRequested(ORDER, PAYMENT, BACK, eur(2300), "goodwill"))
    assert refunds(shop, *ALL) == []


@pytest.mark.parametrize("amount", [1, 2300])
def test_staff_may_say_how_much(shop: Shop, amount: int) -> None:
    """It is not bound to what came back."""
    assert refunds(shop, Back(SMALL, 1, True), amount=eur(amount)) == [back(amount)]


def test_staff_give_back_no_more_than_is_held(shop: Shop) -> None:
    with refused(AmountRefused, asked=eur(2301).as_dict(), most=eur(2300).as_dict()):
        refunds(shop, *ALL, amount=eur(2301))
