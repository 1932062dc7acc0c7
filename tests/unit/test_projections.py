"""What holds for every projection."""

from typing import Any

import pytest

from events import EVENT_TYPES, Event, stream_of
from events.cart import CartCleared
from events.category import CategoryRemoved
from events.coupon import CouponWithdrawn
from events.order import OrderLapsed
from events.payment import PaymentRefunded
from events.product import ProductArchived
from events.user import RoleGranted
from events.values import ProductId
from events.wishlist import WishRemoved
from projections import PROJECTIONS
from projections.availability import AvailabilityRow
from projections.projection import Projection, changed
from tests.golden.__main__ import example
from tests.unit import pasts
from tests.unit.pasts import ANN, CART, KITCHEN, MUG, ORDER, PAYMENT, SMALL, TOTAL
from tests.unit.told_rows import rows


@pytest.mark.parametrize(
    "projection", [each for each in PROJECTIONS if not each.journal], ids=lambda projection: projection.name
)
def test_a_fact_about_something_never_begun_makes_no_row(projection: Projection[Any]) -> None:
    """Two projections of one stream kind may stand at different places; none may trip over a page's first fact."""
    later: list[Event] = [
        CartCleared(CART),
        CategoryRemoved(KITCHEN),
        OrderLapsed(ORDER),
        pasts.paid[-1],
        PaymentRefunded(ORDER, PAYMENT, TOTAL, "ref", "cancelled"),
        ProductArchived(MUG),
        CouponWithdrawn("SPRING"),
        RoleGranted(ANN, "staff"),
        WishRemoved(ANN, SMALL),
    ]
    assert rows(projection, *later) == {}


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
def test_keys_are_fields_of_the_row_and_facts_are_known(projection: Projection[Any]) -> None:
    assert set(projection.key) < set(projection.row._fields)
    assert {fact.__name__ for fact in projection.facts} <= EVENT_TYPES.keys()
    assert projection.name == projection.row.__module__.removeprefix("projections.")


DIVISIBLE = [(each, kind) for each in PROJECTIONS if each.stream is not None for kind in each.facts]


@pytest.mark.parametrize(
    ("projection", "kind"), DIVISIBLE, ids=lambda each: getattr(each, "name", None) or each.__name__
)
def test_rows_that_are_folded_side_by_side_are_of_one_stream_each(projection: Projection[Any], kind: type) -> None:
    event: Any = example(kind)
    [key] = projection.keys(event)
    assert [f"{projection.stream}-{part}" for part in key] == [stream_of(event)]


def test_a_changed_row_is_that_row_with_other_values() -> None:
    row = AvailabilityRow("SKU-1", ProductId("prd_1"), 3, True)
    assert changed(row, {"units": 0, "in_stock": False}) == row._replace(units=0, in_stock=False)
    assert type(changed(row, {})) is AvailabilityRow
    assert row.units == 3, "the row before is as it was"
    with pytest.raises(KeyError):
        changed(row, {"nothing": 1})
