"""What product lists filter, sort, search and count by: one row each, without what only its own page shows."""

from datetime import datetime
from typing import NamedTuple, assert_never

from events.product import (
    ProductArchived,
    ProductCreated,
    ProductDescribed,
    ProductPublished,
    VariantAdded,
    VariantChanged,
)
from events.store import Fact
from projections.projection import Key, Projection

Values = dict[str, str | int | float | bool]
Listed = ProductCreated | ProductDescribed | VariantAdded | VariantChanged | ProductPublished | ProductArchived


class ListingRow(NamedTuple):
    product_id: str
    name: str
    description: str
    category_id: str
    status: str
    attributes: Values
    options: dict[str, dict[str, str]]
    """Of the variants, by SKU."""
    tags: list[str]
    """Attributes and options as `name=value`, each once."""
    words: str
    """What is found beside name and description: attributes, options and SKUs."""
    created_at: datetime


def evolve(row: ListingRow | None, fact: Fact[Listed], key: Key) -> ListingRow | None:
    event = fact.event
    if isinstance(event, ProductCreated):
        made = ListingRow(
            event.product_id,
            event.name,
            event.description,
            event.category_id,
            "draft",
            event.attributes or {},
            {},
            [],
            "",
            fact.occurred_at,
        )
        return _tagged(made)
    if row is None:
        return None
    match event:
        case ProductDescribed(name=name, category_id=category_id, description=description, attributes=attributes):
            return _tagged(
                row._replace(name=name, category_id=category_id, description=description, attributes=attributes or {})
            )
        case VariantAdded(sku=sku, options=options):
            return _tagged(row._replace(options={**row.options, sku: options or {}}))
        case VariantChanged(sku=sku, options=options):
            return _tagged(row._replace(options={**row.options, sku: options or {}}))
        case ProductPublished():
            return row._replace(status="active")
        case ProductArchived():
            return row._replace(status="archived")
        case _:
            assert_never(event)


def _tagged(row: ListingRow) -> ListingRow:
    pairs = [*row.attributes.items(), *(pair for options in row.options.values() for pair in options.items())]
    tags = sorted({f"{name}={shown(value)}" for name, value in pairs})
    values = dict.fromkeys(shown(value) for _, value in pairs if not isinstance(value, bool))
    return row._replace(tags=tags, words=" ".join([*values, *row.options]))


def shown(value: str | int | float | bool) -> str:
    """A value as filters write it: `true`, `12`, `1.5`, `red`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


listing = Projection(
    "listing",
    ListingRow,
    ("product_id",),
    (ProductCreated, ProductDescribed, VariantAdded, VariantChanged, ProductPublished, ProductArchived),
    lambda event: [(event.product_id,)],
    evolve,
    listed_as="products",
)
