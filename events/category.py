"""What can happen to a category of the catalog."""

from dataclasses import dataclass

from events.values import CategoryId


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
class CategoryRemoved:
    category_id: CategoryId


CategoryEvent = CategoryCreated | CategoryRenamed | CategoryRemoved
