"""What can happen to a category of the catalog."""

from dataclasses import dataclass

from events.values import Attribute, CategoryId


@dataclass(frozen=True, slots=True)
class CategoryCreated:
    category_id: CategoryId
    slug: str
    name: str
    parent_id: CategoryId | None = None


@dataclass(frozen=True, slots=True)
class CategoryRenamed:
    category_id: CategoryId
    name: str


@dataclass(frozen=True, slots=True)
class CategoryMoved:
    """It stands below another category from now on, with all that is below it; None is the top of the tree."""

    category_id: CategoryId
    parent_id: CategoryId | None


@dataclass(frozen=True, slots=True)
class AttributesDeclared:
    """What its products, and those of all categories below, may say of themselves: the whole list from now on."""

    category_id: CategoryId
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class CategoryRemoved:
    category_id: CategoryId


CategoryEvent = CategoryCreated | CategoryRenamed | CategoryMoved | AttributesDeclared | CategoryRemoved
