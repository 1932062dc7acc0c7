"""The tree of categories."""

from typing import NamedTuple, assert_never, get_args

from events.category import (
    AttributesDeclared,
    CategoryCreated,
    CategoryEvent,
    CategoryMoved,
    CategoryRemoved,
    CategoryRenamed,
)
from events.store import Fact
from events.values import Attribute
from projections.projection import Key, Projection


class CategoryRow(NamedTuple):
    category_id: str
    slug: str
    name: str
    parent_id: str | None
    removed: bool
    version: int
    attributes: tuple[Attribute, ...] = ()


def evolve(row: CategoryRow | None, fact: Fact[CategoryEvent], key: Key) -> CategoryRow | None:
    event = fact.event
    if isinstance(event, CategoryCreated):
        return CategoryRow(event.category_id, event.slug, event.name, event.parent_id, False, fact.version)
    if row is None:
        return None
    row = row._replace(version=fact.version)
    match event:
        case CategoryRenamed(name=name):
            return row._replace(name=name)
        case CategoryMoved(parent_id=parent_id):
            return row._replace(parent_id=parent_id)
        case AttributesDeclared(attributes=attributes):
            return row._replace(attributes=attributes)
        case CategoryRemoved():
            return row._replace(removed=True)
        case _:
            assert_never(event)


category = Projection(
    "category",
    CategoryRow,
    ("category_id",),
    get_args(CategoryEvent),
    lambda event: [(event.category_id,)],
    evolve,
    listed_as="products",
)
