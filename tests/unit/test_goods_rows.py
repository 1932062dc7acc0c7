"""What the read tables say of categories, products and what there is of them."""

from dataclasses import replace

import pytest

from events import Event
from events.category import CategoryCreated, CategoryRemoved, CategoryRenamed
from events.product import PriceChanged, ProductArchived, ProductDescribed, VariantChanged
from events.stock import (
    StockAdjusted,
    StockArrived,
    StockCommitted,
    StockLapsed,
    StockRanLow,
    StockReceived,
    StockRecovered,
    StockReleased,
    StockReserved,
    StockSent,
    StockThresholdSet,
)
from events.values import CategoryId
from projections.category import CategoryRow, category
from projections.product import ProductRow, VariantRow, product
from projections.stock_level import StockLevelRow, stock_level
from tests.unit import pasts
from tests.unit.pasts import KITCHEN, LARGE, MUG, ORDER, SMALL, eur
from tests.unit.told_rows import minute, rows


def test_a_category_keeps_its_place_when_it_is_removed() -> None:
    mugs = CategoryId("cat_mugs")
    told = (*pasts.kitchen, CategoryCreated(mugs, "mugs", "Mugs", KITCHEN), CategoryRenamed(mugs, "Cups"))
    kitchen = CategoryRow(KITCHEN, "kitchen", "Kitchen", None, removed=False, version=1)
    cups = CategoryRow(mugs, "mugs", "Cups", KITCHEN, removed=False, version=2)
    assert rows(category, *told) == {(KITCHEN,): kitchen, (mugs,): cups}
    removed = cups._replace(removed=True, version=3)
    assert rows(category, *told, CategoryRemoved(mugs))[mugs,] == removed


def test_a_product_is_a_draft_until_it_is_published_and_carries_its_prices() -> None:
    expected = ProductRow(
        MUG,
        "mug",
        "Mug",
        "Holds tea.",
        KITCHEN,
        "draft",
        {"dishwasher": True},
        [VariantRow(SMALL, {"size": "S"}, [eur(700)]), VariantRow(LARGE, {"size": "L"}, [eur(900)])],
        created_at=minute(4),
        version=3,
    )
    assert rows(product, *pasts.draft, *pasts.variants) == {(MUG,): expected}
    active: ProductRow = rows(product, *pasts.catalog)[MUG,]
    assert active == expected._replace(status="active", version=4)
    assert rows(product, *pasts.catalog, ProductArchived(MUG))[MUG,].status == "archived"


def test_a_product_is_described_anew_and_priced_per_currency() -> None:
    def after(*events: Event) -> ProductRow:
        row: ProductRow = rows(product, *pasts.catalog, *events)[MUG,]
        return row

    described = after(ProductDescribed(MUG, "Cup", CategoryId("cat_2"), "Holds coffee."))
    assert (described.name, described.category_id, described.attributes) == ("Cup", "cat_2", {})
    assert described.slug == "mug"
    dollars = replace(eur(800), currency="USD")
    priced = after(PriceChanged(MUG, SMALL, eur(650), eur(700)), PriceChanged(MUG, SMALL, dollars, None))
    assert [variant.prices for variant in priced.variants] == [[eur(650), dollars], [eur(900)]]
    assert after(VariantChanged(MUG, LARGE, {"size": "XL"})).variants[1].options == {"size": "XL"}


@pytest.mark.parametrize(
    ("event", "on_hand", "reserved"),
    [
        (StockReceived(SMALL, 3), 13, 4),
        (StockAdjusted(SMALL, -3, "lost"), 7, 4),
        (StockReserved(SMALL, ORDER, 3), 10, 7),
        (StockReleased(SMALL, ORDER, 3, "cancelled"), 10, 1),
        (StockLapsed(SMALL, ORDER, 3), 10, 1),
        (StockCommitted(SMALL, ORDER, 3), 7, 1),
        (StockSent(SMALL, 3, "attic"), 7, 4),
        (StockArrived(SMALL, 3, "attic"), 13, 4),
    ],
)
def test_stock_moves_with_every_fact(event: Event, on_hand: int, reserved: int) -> None:
    begun = (StockReceived(SMALL, 10), StockReserved(SMALL, ORDER, 4))
    assert rows(stock_level, *begun, event) == {
        (SMALL, "main"): StockLevelRow(SMALL, "main", on_hand, reserved, None, False, version=3)
    }


def test_what_runs_low_is_marked_until_it_has_recovered() -> None:
    def marked(*events: Event) -> tuple[int | None, bool]:
        row = rows(stock_level, StockReceived(SMALL, 10), StockThresholdSet(SMALL, 4), *events)[SMALL, "main"]
        return row.threshold, row.low

    ran_low = StockRanLow(SMALL, 4, 4)
    assert (marked(), marked(ran_low), marked(ran_low, StockReceived(SMALL, 0))) == ((4, False), (4, True), (4, True))
    assert marked(ran_low, StockRecovered(SMALL, 5)) == (4, False)
    assert marked(StockThresholdSet(SMALL, None)) == (None, False)


def test_stock_is_kept_apart_by_location() -> None:
    found = rows(stock_level, StockReceived(SMALL, 1), StockReceived(SMALL, 2, location="attic"))
    assert {key: row.on_hand for key, row in found.items()} == {(SMALL, "main"): 1, (SMALL, "attic"): 2}
