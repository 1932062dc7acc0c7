"""How products and categories are called, and where categories stand: an entry whenever that is said anew."""

from typing import NamedTuple, assert_never, get_args

from events.category import CategoryCreated, CategoryMoved
from events.product import ProductCreated, ProductSlugChanged
from events.store import Fact
from projections.projection import Key, Projection

Naming = CategoryCreated | CategoryMoved | ProductCreated | ProductSlugChanged


class CatalogEntryRow(NamedTuple):
    """Without a `slug` it keeps the one it has. `parent_id` is said of categories only."""

    position: int
    id: str
    kind: str
    slug: str | None
    parent_id: str | None = None


def evolve(row: CatalogEntryRow | None, fact: Fact[Naming], key: Key) -> CatalogEntryRow:
    match fact.event:
        case CategoryCreated(category_id, slug, _, parent_id):
            return CatalogEntryRow(fact.position, category_id, "category", slug, parent_id)
        case CategoryMoved(category_id, parent_id):
            return CatalogEntryRow(fact.position, category_id, "category", None, parent_id)
        case ProductCreated(product_id, slug) | ProductSlugChanged(product_id, slug):
            return CatalogEntryRow(fact.position, product_id, "product", slug)
        case _:
            assert_never(fact.event)


catalog_entry = Projection(
    "catalog_entry", CatalogEntryRow, ("position",), get_args(Naming), lambda event: [()], evolve, journal=True
)
