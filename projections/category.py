"""The tree of categories."""

from dataclasses import dataclass, replace
from typing import assert_never, get_args

from events.category import CategoryCreated, CategoryEvent, CategoryRemoved, CategoryRenamed
from events.store import Recorded
from projections.projection import Key, Projection


@dataclass(frozen=True, slots=True)
class CategoryRow:
    category_id: str
    slug: str
    name: str
    parent_id: str | None
    removed: bool
    version: int


def evolve(row: CategoryRow | None, fact: Recorded, key: Key) -> CategoryRow | None:
    event: CategoryEvent = fact.event  # type: ignore[assignment]
    if isinstance(event, CategoryCreated):
        return CategoryRow(event.category_id, event.slug, event.name, event.parent_id, False, fact.version)
    if row is None:
        return None
    row = replace(row, version=fact.version)
    match event:
        case CategoryRenamed(name=name):
            return replace(row, name=name)
        case CategoryRemoved():
            return replace(row, removed=True)
        case _:
            assert_never(event)


category = Projection(
    "category", CategoryRow, ("category_id",), get_args(CategoryEvent), lambda event: [(event.category_id,)], evolve
)
