"""Building the tree of categories, and declaring what their products may say of themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from commands.claim import claimed, released
from commands.decider import Fold, Read
from commands.rejections import CategoryCycle, LimitExceeded, NotFound
from events import Event
from events.category import (
    AttributesDeclared,
    CategoryCreated,
    CategoryEvent,
    CategoryMoved,
    CategoryRemoved,
    CategoryRenamed,
)
from events.values import Attribute, CategoryId

MAX_DEPTH = 100
"""Levels of the tree. Whoever decides about a product reads all of those above it."""


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
class MoveCategory:
    """Put it below another one, with all that is below it; None is the top. Products keep what they say already."""

    category_id: CategoryId
    parent_id: CategoryId | None


@dataclass(frozen=True, slots=True)
class DeclareAttributes:
    """The whole list of what this category declares; see `commands.attributes` for what it means to products."""

    category_id: CategoryId
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class RemoveCategory:
    """Take it out of the tree. Products keep their category; new ones cannot choose it any more."""

    category_id: CategoryId


CategoryCommand = CreateCategory | RenameCategory | MoveCategory | DeclareAttributes | RemoveCategory


@dataclass(frozen=True, slots=True)
class Category:
    name: str = ""
    slug: str = ""
    exists: bool = False
    removed: bool = False
    parent_id: CategoryId | None = None
    attributes: tuple[Attribute, ...] = ()


def evolve(category: Category, event: CategoryEvent) -> Category:
    match event:
        case CategoryCreated(_, slug, name, parent_id):
            return Category(name, slug, exists=True, parent_id=parent_id)
        case CategoryRenamed(name=name):
            return replace(category, name=name)
        case CategoryMoved(parent_id=parent_id):
            return replace(category, parent_id=parent_id)
        case AttributesDeclared(attributes=attributes):
            return replace(category, attributes=attributes)
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
            _check_place(category_id, parent_id, read)
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
        case MoveCategory(category_id, parent_id):
            if parent_id == category.parent_id:
                return []
            _check_place(category_id, parent_id, read)
            return [CategoryMoved(category_id, parent_id)]
        case DeclareAttributes(category_id, attributes):
            return [AttributesDeclared(category_id, attributes)] if attributes != category.attributes else []
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


def lineage(category_id: CategoryId, read: Read) -> list[tuple[CategoryId, Category]]:
    """A category and all that are above it, up to the top of the tree; some of them may have been removed.

    All of them are read, and so guarded: nobody can move one of them while a decision rests on this."""
    found: list[tuple[CategoryId, Category]] = []
    at: CategoryId | None = category_id
    while at is not None and len(found) <= MAX_DEPTH:
        found.append((at, read(categories(at))))
        at = found[-1][1].parent_id
    return found


def _check_place(category_id: CategoryId, parent_id: CategoryId | None, read: Read) -> None:
    """Raises NotFound, CategoryCycle or LimitExceeded."""
    if parent_id is None:
        return
    existing_category(parent_id, read)
    above = lineage(parent_id, read)
    if any(each == category_id for each, _ in above):
        raise CategoryCycle(category_id, parent_id)
    if len(above) >= MAX_DEPTH:
        raise LimitExceeded(f"The tree of categories has at most {MAX_DEPTH} levels.", limit=MAX_DEPTH)
