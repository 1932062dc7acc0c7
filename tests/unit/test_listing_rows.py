"""What lists of products are made from: words and values, prices from and to, and whether any unit is free."""

from events import Event
from events.product import (
    PriceChanged,
    ProductArchived,
    ProductCreated,
    ProductDescribed,
    ProductPublished,
    VariantAdded,
    VariantChanged,
)
from events.stock import StockCommitted, StockReceived, StockReleased, StockReserved
from events.values import Money, ProductId
from projections.availability import AvailabilityRow, availability
from projections.listing import listing
from projections.listing_price import listing_price
from tests.unit.pasts import KITCHEN, LARGE, MUG, ORDER, SMALL, eur
from tests.unit.told_rows import minute, rows


def test_a_listing_knows_each_value_once_and_what_is_found() -> None:
    listed = rows(
        listing,
        ProductCreated(MUG, "mug", "Mug", KITCHEN, "Holds tea", {"brand": "Acme", "vegan": True, "litres": 0.5}),
        VariantAdded(MUG, SMALL, eur(500), {"color": "red", "size": "S"}),
        VariantAdded(MUG, LARGE, eur(900), {"color": "red", "size": "L"}),
        PriceChanged(MUG, LARGE, eur(950), eur(900)),
        ProductPublished(MUG),
    )[(MUG,)]
    assert listed.tags == ["brand=Acme", "color=red", "litres=0.5", "size=L", "size=S", "vegan=true"]
    assert set(listed.words.split()) == {"Acme", "0.5", "red", "S", "L", SMALL, LARGE}
    assert (listed.status, listed.created_at) == ("active", minute(1))
    changed = rows(
        listing,
        ProductCreated(MUG, "mug", "Mug", KITCHEN, "", {"brand": "Acme"}),
        VariantAdded(MUG, SMALL, eur(500), {"color": "red"}),
        VariantChanged(MUG, SMALL, {"color": "blue"}),
        ProductDescribed(MUG, "Cup", KITCHEN, "Holds coffee"),
        ProductArchived(MUG),
    )[(MUG,)]
    assert (changed.name, changed.tags, changed.status) == ("Cup", ["color=blue"], "archived")
    assert changed.options == {SMALL: {"color": "blue"}}


def test_a_product_costs_from_and_to_in_each_currency() -> None:
    dollars = Money(700, "USD")
    prices = rows(
        listing_price,
        VariantAdded(MUG, SMALL, eur(500)),
        VariantAdded(MUG, LARGE, eur(900)),
        PriceChanged(MUG, SMALL, eur(950), eur(500)),
        PriceChanged(MUG, SMALL, dollars, None),
    )
    assert [(row.currency, row.min_minor, row.max_minor) for row in prices.values()] == [
        ("EUR", 900, 950),
        ("USD", 700, 700),
    ]


def test_an_article_is_available_as_long_as_any_unit_of_it_is_free() -> None:
    added, received = VariantAdded(MUG, SMALL, eur(500)), StockReceived(SMALL, 2)
    reserved = StockReserved(SMALL, ORDER, 2)
    stories: list[tuple[list[Event], tuple[ProductId | None, bool]]] = [
        ([added], (MUG, False)),
        ([received], (None, True)),
        ([added, received], (MUG, True)),
        ([added, received, reserved], (MUG, False)),
        ([added, received, reserved, StockReleased(SMALL, ORDER, 1, "changed my mind")], (MUG, True)),
        ([added, received, reserved, StockCommitted(SMALL, ORDER, 2)], (MUG, False)),
        ([added, received, reserved, StockReceived(SMALL, 1, location="shed")], (MUG, True)),
    ]
    for facts, told in stories:
        row = rows(availability, *facts)[(SMALL,)]
        assert (row.product_id, row.in_stock) == told


def test_lists_need_not_hear_of_units_as_long_as_some_are_left() -> None:
    assert availability.shown is not None
    some, fewer = (AvailabilityRow(SMALL, MUG, units, True) for units in (7, 6))
    none = AvailabilityRow(SMALL, MUG, 0, False)
    assert availability.shown(some) == availability.shown(fewer) != availability.shown(none)
