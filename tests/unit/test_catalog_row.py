"""Rows of a table of products: what each leads to, what it leaves alone, and which are refused."""

import pytest

from commands.catalog_row import FieldRequired, PutCatalogRow
from commands.rejections import AttributesRefused, InvalidTransition, NameTaken, NotFound
from events.category import AttributesDeclared
from events.claim import NameClaimed
from events.product import (
    PriceChanged,
    ProductArchived,
    ProductCreated,
    ProductDescribed,
    ProductPublished,
    ProductSlugChanged,
    VariantAdded,
    VariantChanged,
)
from events.values import Attribute, Media, Money, ProductId, Sku
from tests.unit.pasts import COLOR, KITCHEN, LARGE, MUG, SMALL, catalog, cups_category, draft, eur, kitchen
from tests.unit.shop import given, refused

NEW = ProductId("prd_new")


def test_a_new_product_comes_with_its_first_variant_and_goes_on_sale() -> None:
    row = PutCatalogRow(
        NEW, "mug", "Mug", "Holds tea.", "kitchen", "active", {"a": 1}, (Media("/m.jpg"),), SMALL, eur(700), eur(900)
    )
    assert given(*kitchen).when(row) == [
        NameClaimed("product-slug:mug", NEW),
        ProductCreated(NEW, "mug", "Mug", KITCHEN, "Holds tea.", {"a": 1}, (Media("/m.jpg"),)),
        NameClaimed("sku:MUG-S", NEW),
        VariantAdded(NEW, SMALL, eur(700), compare_at=eur(900)),
        ProductPublished(NEW),
    ]


def test_what_a_row_leaves_out_stays_as_it_is() -> None:
    shop = given(*catalog)
    assert shop.when(PutCatalogRow(NEW, "mug", sku=SMALL)) == []
    assert shop.when(PutCatalogRow(NEW, sku=SMALL, price=eur(650))) == [PriceChanged(MUG, SMALL, eur(650), eur(700))]
    assert shop.when(PutCatalogRow(NEW, "mug", "Cup", attributes={"color": "red"})) == [
        ProductDescribed(MUG, "Cup", KITCHEN, "Holds tea.", {"dishwasher": True, "color": "red"})
    ]
    assert shop.when(PutCatalogRow(NEW, sku=SMALL, weight_g=3)) == [
        VariantChanged(MUG, SMALL, {"size": "S"}, "standard", 3)
    ]
    assert shop.when(PutCatalogRow(NEW, "mug", status="archived")) == [ProductArchived(MUG)]


def test_a_price_beside_the_price_stays_until_the_price_changes() -> None:
    shop = given(*catalog, PriceChanged(MUG, SMALL, eur(600), eur(700), eur(700)))
    assert shop.when(PutCatalogRow(NEW, sku=SMALL, price=eur(600))) == []
    assert shop.when(PutCatalogRow(NEW, sku=SMALL, price=eur(500))) == [PriceChanged(MUG, SMALL, eur(500), eur(600))]


def test_a_price_in_another_currency_is_added() -> None:
    dollars = Money(800, "USD")
    assert given(*catalog).when(PutCatalogRow(NEW, sku=SMALL, price=dollars)) == [
        PriceChanged(MUG, SMALL, dollars, None)
    ]


def test_a_product_is_found_by_a_slug_it_had_before() -> None:
    past = (*catalog, NameClaimed("product-slug:cup", MUG), ProductSlugChanged(MUG, "cup", "mug"))
    assert given(*past).when(PutCatalogRow(NEW, "mug", "Cup")) == [
        ProductDescribed(MUG, "Cup", KITCHEN, "Holds tea.", {"dishwasher": True})
    ]


def test_texts_become_what_the_category_declares() -> None:
    declared = AttributesDeclared(KITCHEN, (COLOR, Attribute("weight", "number"), Attribute("maker", "text")))
    row = PutCatalogRow(
        NEW, "mug", "Mug", category=KITCHEN, attributes={"color": "red", "weight": "07", "maker": "7"}, texts=True
    )
    created = given(*kitchen, declared).when(row)[1]
    assert created == ProductCreated(NEW, "mug", "Mug", KITCHEN, "", {"color": "red", "weight": 7, "maker": "7"})
    with refused(AttributesRefused):
        given(*kitchen, declared).when(PutCatalogRow(NEW, "m", "M", category=KITCHEN, attributes={"weight": "x"}))


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (PutCatalogRow(NEW), "slug"),
        (PutCatalogRow(NEW, "new", category="kitchen"), "name"),
        (PutCatalogRow(NEW, "new", "New"), "category"),
        (PutCatalogRow(NEW, "mug", sku=Sku("MUG-XL")), "price_minor"),
    ],
)
def test_something_new_needs_certain_fields(row: PutCatalogRow, field: str) -> None:
    with refused(FieldRequired, field=field):
        given(*catalog).when(row)


def test_a_row_that_is_refused_changes_nothing_at_all() -> None:
    shop = given(*draft, ProductCreated(NEW, "jug", "Jug", KITCHEN), NameClaimed("sku:MUG-L", NEW))
    with refused(NameTaken, name=LARGE, kind="sku"):
        shop.when(PutCatalogRow(NEW, "mug", "Cup", sku=LARGE, price=eur(1)))
    with refused(InvalidTransition, **{"from": "DRAFT", "to": "ACTIVE", "allowed": []}):
        shop.when(PutCatalogRow(NEW, "mug", "Cup", status="active"))
    assert shop.when(PutCatalogRow(NEW, "mug", "Mug")) == []


@pytest.mark.parametrize("category", ["cups", "cat_nowhere"])
def test_a_category_must_exist(category: str) -> None:
    with refused(NotFound, kind="category", id=category):
        given(*catalog, cups_category).when(PutCatalogRow(NEW, "mug", category=category))


def test_a_variant_must_exist_if_no_product_is_named() -> None:
    with refused(NotFound, kind="variant", id=SMALL):
        given(*draft).when(PutCatalogRow(NEW, sku=SMALL, price=eur(1)))
