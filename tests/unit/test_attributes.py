"""What products may say of themselves: declared by categories, inherited, judged when it is changed and never later."""

import pytest

from commands.attributes import Attributes, as_declared, spelled
from commands.category import MAX_DEPTH, CreateCategory, DeclareAttributes, MoveCategory
from commands.product import CreateProduct, DescribeProduct
from commands.rejections import AttributesRefused, CategoryCycle, LimitExceeded, NotFound
from events.category import AttributesDeclared, CategoryCreated, CategoryMoved, CategoryRemoved
from events.product import ProductDescribed
from events.values import Attribute, CategoryId
from tests.unit.pasts import COLOR, CUPS, KITCHEN, MUG, cups_category, draft, kitchen
from tests.unit.shop import given, refused

WEIGHT, FRAGILE, MAKER = Attribute("weight", "number"), Attribute("fragile", "boolean"), Attribute("maker", "text")
declared = (*kitchen, cups_category, AttributesDeclared(KITCHEN, (COLOR, WEIGHT, FRAGILE, MAKER)))
HALL = CategoryId("cat_hall")


def create(attributes: Attributes, category_id: CategoryId = CUPS) -> CreateProduct:
    return CreateProduct(MUG, "mug", "Mug", category_id, attributes=attributes)


def test_what_fits_the_declarations_of_a_category_above_is_taken() -> None:
    said: Attributes = {"color": "red", "weight": 0.3, "fragile": True, "maker": "Anna"}
    assert len(given(*declared).when(create(said))) == 2


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("color", "green", "not_one_of"),
        ("weight", "heavy", "wrong_kind"),
        ("weight", True, "wrong_kind"),
        ("fragile", 1, "wrong_kind"),
        ("maker", 7, "wrong_kind"),
        ("colour", "red", "not_declared"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(name: str, value: str | int, code: str) -> None:
    with pytest.raises(AttributesRefused) as caught:
        given(*declared).when(create({name: value}))
    assert [(each["pointer"], each["code"]) for each in caught.value.details["errors"]] == [
        (f"/attributes/{name}", code)
    ]


def test_the_nearest_declaration_counts() -> None:
    shop = given(*declared, AttributesDeclared(CUPS, (Attribute("color", "text"),)))
    assert shop.when(create({"color": "green"}))


def test_where_nothing_is_declared_products_say_what_they_like() -> None:
    assert given(*kitchen).when(create({"anything": 1}, KITCHEN))


def test_what_a_removed_category_declares_counts_no_longer() -> None:
    hall = CategoryCreated(HALL, "hall", "Hall", CUPS)
    shop = given(*declared, AttributesDeclared(CUPS, (Attribute("handle", "text"),)), hall, CategoryRemoved(CUPS))
    with refused(AttributesRefused):
        shop.when(create({"handle": "long"}, HALL))
    assert shop.when(create({"color": "red"}, HALL))


def test_a_declaration_that_comes_later_or_goes_breaks_no_product() -> None:
    shop = given(*draft, AttributesDeclared(KITCHEN, (COLOR,)))  # the mug says `dishwasher`, which was free then
    assert shop.when(DescribeProduct(MUG, name="Cup"))
    more: Attributes = {"dishwasher": True, "color": "red"}
    assert shop.when(DescribeProduct(MUG, attributes=more)) == [
        ProductDescribed(MUG, "Cup", KITCHEN, "Holds tea.", more)
    ]
    shop.when(DeclareAttributes(KITCHEN, (WEIGHT,)))
    assert shop.when(DescribeProduct(MUG, attributes={**more, "weight": 3}))
    with refused(AttributesRefused):
        shop.when(DescribeProduct(MUG, attributes={**more, "color": "blue"}))
    assert shop.when(DescribeProduct(MUG, attributes={}))


def test_the_same_number_of_another_kind_is_a_change() -> None:
    shop = given(*declared)
    shop.when(create({"fragile": True, "weight": 1}))
    with refused(AttributesRefused):
        shop.when(DescribeProduct(MUG, attributes={"fragile": 1, "weight": 1}))


def test_moving_a_product_judges_all_it_says() -> None:
    shop = given(*declared, *draft[2:])
    with refused(AttributesRefused):
        shop.when(DescribeProduct(MUG, category_id=CUPS))
    assert shop.when(DescribeProduct(MUG, category_id=CUPS, attributes={"color": "red"}))


def test_a_category_moves_with_all_that_is_below_it() -> None:
    assert given(*kitchen, cups_category).when(MoveCategory(CUPS, None)) == [CategoryMoved(CUPS, None)]


@pytest.mark.parametrize("below", [KITCHEN, CUPS])
def test_a_category_never_stands_below_itself(below: CategoryId) -> None:
    with refused(CategoryCycle, category_id=KITCHEN, parent_id=below):
        given(*kitchen, cups_category).when(MoveCategory(KITCHEN, below))


def test_a_category_moves_only_below_one_that_exists() -> None:
    with refused(NotFound, kind="category", id=HALL):
        given(*kitchen).when(MoveCategory(KITCHEN, HALL))


def test_the_tree_has_so_many_levels_and_no_more() -> None:
    levels = [CategoryId(f"cat_{n}") for n in range(MAX_DEPTH + 1)]
    tree = [CategoryCreated(levels[n], f"c{n}", "C", levels[n - 1] if n else None) for n in range(MAX_DEPTH - 1)]
    shop = given(*tree)
    assert shop.when(CreateCategory(levels[MAX_DEPTH - 1], "last", "Last", levels[MAX_DEPTH - 2]))
    with refused(LimitExceeded, limit=MAX_DEPTH):
        shop.when(CreateCategory(levels[MAX_DEPTH], "more", "More", levels[MAX_DEPTH - 1]))


@pytest.mark.parametrize(
    ("text", "attribute", "present", "value"),
    [
        ("007", None, None, "007"),
        ("7", None, None, 7),
        ("7", MAKER, None, "7"),
        ("07", WEIGHT, None, 7),
        ("7", None, "7", "7"),
        ("0.5", None, None, 0.5),
        ("true", None, None, True),
        ("true", COLOR, None, "true"),
        ("1e400", WEIGHT, None, "1e400"),
        ("nan", None, None, "nan"),
        ("12 OZ", None, None, "12 OZ"),
    ],
)
def test_a_text_from_a_table_becomes_what_was_meant(
    text: str, attribute: Attribute | None, present: str | None, value: object
) -> None:
    found = as_declared(text, attribute, present)
    assert (found, type(found)) == (value, type(value))
    assert spelled(found) == text or attribute is WEIGHT
