"""Every slug that a product has had, so that old links still lead to it."""

from typing import NamedTuple

from events.product import ProductCreated, ProductSlugChanged
from events.store import Fact
from projections.projection import Key, Projection


class ProductLinkRow(NamedTuple):
    slug: str
    product_id: str


def evolve(row: ProductLinkRow | None, fact: Fact[ProductCreated | ProductSlugChanged], key: Key) -> ProductLinkRow:
    return ProductLinkRow(fact.event.slug, fact.event.product_id)


product_link = Projection(
    "product_link",
    ProductLinkRow,
    ("slug",),
    (ProductCreated, ProductSlugChanged),
    lambda event: [(event.slug,)],
    evolve,
)
