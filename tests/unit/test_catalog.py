"""Categories, products, names that only one may hold, and stock: what each command does and when it is refused."""

import pytest

from commands.category import CreateCategory, RemoveCategory, RenameCategory
from commands.product import (
    ArchiveProduct,
    ChangeSlug,
    CreateProduct,
    DescribeProduct,
    ProductCommand,
    PublishProduct,
    UnpublishProduct,
)
from commands.rejections import InvalidTransition, LimitExceeded, NameTaken, NotFound
from commands.variant import MAX_VARIANTS, AddVariant, ChangePrice, ChangeVariant
from events.category import CategoryCreated, CategoryRemoved, CategoryRenamed
from events.claim import NameClaimed, NameReleased
from events.product import (
    PriceChanged,
    ProductArchived,
    ProductCreated,
    ProductDescribed,
    ProductPublished,
    ProductSlugChanged,
    ProductUnpublished,
    VariantAdded,
    VariantChanged,
)
from events.values import CategoryId, Media, Money, ProductId, Sku
from tests.unit.pasts import KITCHEN, LARGE, MUG, SMALL, catalog, draft, eur, kitchen, variants
from tests.unit.shop import given, refused

CUPS, OTHER = CategoryId("cat_cups"), ProductId("prd_other")


def test_a_category_takes_its_slug_and_its_place_in_the_tree() -> None:
    assert given(*kitchen).when(CreateCategory(CUPS, "cups", "Cups", KITCHEN)) == [
        NameClaimed("category-slug:cups", CUPS),
        CategoryCreated(CUPS, "cups", "Cups", KITCHEN),
    ]


def test_a_slug_of_another_category_is_taken() -> None:
    with refused(NameTaken, name="kitchen", kind="category-slug"):
        given(*kitchen).when(CreateCategory(CUPS, "kitchen", "Cups"))


def test_a_category_needs_a_parent_that_exists() -> None:
    with refused(NotFound, kind="category", id=KITCHEN):
        given().when(CreateCategory(CUPS, "cups", "Cups", KITCHEN))


def test_a_category_is_renamed() -> None:
    assert given(*kitchen).when(RenameCategory(KITCHEN, "At table")) == [CategoryRenamed(KITCHEN, "At table")]


def test_a_removed_category_gives_its_slug_back_but_does_not_return() -> None:
    shop = given(*kitchen)
    assert shop.when(RemoveCategory(KITCHEN)) == [
        NameReleased("category-slug:kitchen", KITCHEN),
        CategoryRemoved(KITCHEN),
    ]
    assert shop.when(CreateCategory(KITCHEN, "kitchen", "Kitchen")) == []
    assert len(shop.when(CreateCategory(CUPS, "kitchen", "Cups"))) == 2


@pytest.mark.parametrize("command", [RenameCategory(KITCHEN, "K"), RemoveCategory(KITCHEN)])
def test_a_category_that_does_not_exist_cannot_be_changed(command: RenameCategory | RemoveCategory) -> None:
    with refused(NotFound, kind="category", id=KITCHEN):
        given().when(command)


def test_a_removed_category_cannot_be_renamed() -> None:
    with refused(NotFound, kind="category", id=KITCHEN):
        given(*kitchen, CategoryRemoved(KITCHEN)).when(RenameCategory(KITCHEN, "K"))


def test_a_product_takes_its_slug() -> None:
    assert given(*kitchen).when(CreateProduct(MUG, "mug", "Mug", KITCHEN, "Holds tea.", {"dishwasher": True})) == [
        *draft[-2:]
    ]


def test_a_product_needs_a_category_that_exists() -> None:
    with refused(NotFound, kind="category", id=KITCHEN):
        given().when(CreateProduct(MUG, "mug", "Mug", KITCHEN))


def test_a_slug_of_another_product_is_taken() -> None:
    with refused(NameTaken, name="mug", kind="product-slug"):
        given(*draft).when(CreateProduct(OTHER, "mug", "Mug", KITCHEN))


def test_describing_changes_what_is_given_and_keeps_the_rest() -> None:
    assert given(*draft).when(DescribeProduct(MUG, name="Big mug")) == [
        ProductDescribed(MUG, "Big mug", KITCHEN, "Holds tea.", {"dishwasher": True})
    ]


def test_a_product_moves_only_to_a_category_that_exists() -> None:
    with refused(NotFound, kind="category", id=CUPS):
        given(*draft).when(DescribeProduct(MUG, category_id=CUPS))


def test_a_variant_takes_its_sku() -> None:
    assert given(*draft).when(AddVariant(MUG, SMALL, eur(700), {"size": "S"})) == list(variants[:2])


def test_a_sku_of_another_product_is_taken() -> None:
    other = ProductCreated(OTHER, "other", "Other", KITCHEN)
    with refused(NameTaken, name=SMALL, kind="sku"):
        given(*catalog, other).when(AddVariant(OTHER, SMALL, eur(700)))


def test_a_product_has_a_limited_number_of_variants() -> None:
    many = [VariantAdded(MUG, Sku(f"V{n}"), eur(1)) for n in range(MAX_VARIANTS)]
    with refused(LimitExceeded, limit=MAX_VARIANTS):
        given(*draft, *many).when(AddVariant(MUG, SMALL, eur(700)))


def test_a_variants_options_change() -> None:
    assert given(*catalog).when(ChangeVariant(SMALL, {"size": "XS"})) == [VariantChanged(MUG, SMALL, {"size": "XS"})]


def test_a_price_change_says_what_the_price_was() -> None:
    assert given(*catalog).when(ChangePrice(SMALL, eur(800))) == [PriceChanged(MUG, SMALL, eur(800), eur(700))]


def test_the_first_price_in_another_currency_has_no_previous_one() -> None:
    dollars = Money(750, "USD")
    assert given(*catalog).when(ChangePrice(SMALL, dollars)) == [PriceChanged(MUG, SMALL, dollars, None)]


@pytest.mark.parametrize("command", [ChangeVariant(LARGE, {}), ChangePrice(LARGE, eur(1))])
def test_a_variant_that_does_not_exist_cannot_be_changed(command: ProductCommand) -> None:
    with refused(NotFound, kind="variant", id=LARGE):
        given(*draft).when(command)


@pytest.mark.parametrize(
    "command", [DescribeProduct(MUG), AddVariant(MUG, SMALL, eur(1)), PublishProduct(MUG), ArchiveProduct(MUG)]
)
def test_a_product_that_does_not_exist_cannot_be_changed(command: ProductCommand) -> None:
    with refused(NotFound, kind="product", id=MUG):
        given(*kitchen).when(command)


def test_a_product_is_published_archived_and_published_again() -> None:
    shop = given(*draft, *variants)
    assert shop.when(PublishProduct(MUG), ArchiveProduct(MUG), PublishProduct(MUG)) == [
        ProductPublished(MUG),
        ProductArchived(MUG),
        ProductPublished(MUG),
    ]


def test_a_product_without_variants_cannot_be_published() -> None:
    with refused(InvalidTransition, **{"from": "DRAFT", "to": "ACTIVE", "allowed": []}):
        given(*draft).when(PublishProduct(MUG))


def test_a_slug_changes_and_the_old_one_stays_the_products_own() -> None:
    shop = given(*draft, ProductCreated(OTHER, "other", "Other", KITCHEN), NameClaimed("product-slug:other", OTHER))
    assert shop.when(ChangeSlug(MUG, "big-mug")) == [
        NameClaimed("product-slug:big-mug", MUG),
        ProductSlugChanged(MUG, "big-mug", "mug"),
    ]
    with refused(NameTaken, name="mug", kind="product-slug"):
        shop.when(ChangeSlug(OTHER, "mug"))
    assert shop.when(ChangeSlug(MUG, "mug")) == [ProductSlugChanged(MUG, "mug", "big-mug")]


@pytest.mark.parametrize("command", [CreateProduct(OTHER, "import", "Other", KITCHEN), ChangeSlug(MUG, "export")])
def test_slugs_that_would_hide_behind_other_paths_are_taken(command: ProductCommand) -> None:
    with refused(NameTaken):
        given(*draft).when(command)


def test_a_product_becomes_a_draft_again() -> None:
    shop = given(*catalog)
    unpublished = ProductUnpublished(MUG)
    assert shop.when(UnpublishProduct(MUG), UnpublishProduct(MUG)) == [unpublished]
    assert shop.when(ArchiveProduct(MUG), UnpublishProduct(MUG)) == [ProductArchived(MUG), unpublished]


def test_media_weight_and_tax_class_are_kept_unless_they_are_changed() -> None:
    picture = (Media("/mug.jpg", "A mug"),)
    shop = given(*draft)
    assert shop.when(DescribeProduct(MUG, media=picture), DescribeProduct(MUG, name="Cup"))[1:] == [
        ProductDescribed(MUG, "Cup", KITCHEN, "Holds tea.", {"dishwasher": True}, picture)
    ]
    added = shop.when(AddVariant(MUG, SMALL, eur(700), {"size": "S"}, "reduced", 350, eur(900)))[1]
    assert added == VariantAdded(MUG, SMALL, eur(700), {"size": "S"}, "reduced", 350, eur(900))
    assert shop.when(ChangeVariant(SMALL, weight_g=400)) == [VariantChanged(MUG, SMALL, {"size": "S"}, "reduced", 400)]
    assert shop.when(ChangeVariant(SMALL, {"size": "M"})) == [VariantChanged(MUG, SMALL, {"size": "M"}, "reduced", 400)]
    assert shop.when(ChangePrice(SMALL, eur(700))) == [PriceChanged(MUG, SMALL, eur(700), eur(700))], (
        "nothing to compare"
    )
