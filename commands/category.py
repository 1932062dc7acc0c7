"""Building the tree of categories."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from commands.claim import claimed, released
from commands.decider import Fold, Read
from commands.rejections import NotFound
from events import Event
from events.category import CategoryCreated, CategoryEvent, CategoryRemoved, CategoryRenamed
from events.values import CategoryId


@dataclass(frozen=True, slots=True)
class CreateCategory:
    category_id: CategoryId
    slug: str
    name: str
    parent_id: CategoryId | None = None


@dataclass(frozen=True, slots=True)
class RenameCategory:
    category_id: CategoryId
    name: str


@dataclass(frozen=True, slots=True)
class RemoveCategory:
    """Take it out of the tree. Products keep their category; new ones cannot choose it any more."""

    category_id: CategoryId


CategoryCommand = CreateCategory | RenameCategory | RemoveCategory


@dataclass(frozen=True, slots=True)
class Category:
    name: str = ""
    slug: str = ""
    exists: bool = False
    removed: bool = False


def evolve(category: Category, event: CategoryEvent) -> Category:
    match event:
        case CategoryCreated(name=name, slug=slug):
            return Category(name, slug, exists=True)
        case CategoryRenamed(name=name):
            return replace(category, name=name)
        case CategoryRemoved():
            return replace(category, exists=False, removed=True)
        case _:
            assert_never(event)


categories = Fold("category", Category(), evolve)


def decide(command: CategoryCommand, read: Read) -> Sequence[Event]:
    category = read(categories(command.category_id))
    match command:
        case CreateCategory() if category.exists or category.removed:
            return []
        case CreateCategory(category_id, slug, name, parent_id):
            if parent_id is not None:
                existing_category(parent_id, read)
            return [
                *claimed(f"category-slug:{slug}", category_id, read),
                CategoryCreated(category_id, slug, name, parent_id),
            ]
        case RemoveCategory() if category.removed:
            return []
        case _ if not category.exists:
            raise NotFound("category", command.category_id)
        case RenameCategory(category_id, name):
            return [CategoryRenamed(category_id, name)] if name != category.name else []
        case RemoveCategory(category_id):
            return [*released(f"category-slug:{category.slug}", category_id, read), CategoryRemoved(category_id)]
        case _:
            assert_never(command)


def existing_category(category_id: CategoryId, read: Read) -> Category:
    """Raises NotFound."""
    category = read(categories(category_id))
    if not category.exists:
        raise NotFound("category", category_id)
    return category
