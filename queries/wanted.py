"""What a list of products can be asked for."""

from dataclasses import dataclass

from queries.facets import PRICE

_SORTS = {
    "created_at": ("created_at", "timestamptz"),
    "name": ("name_key", "text"),
    "price": ("min_minor", "bigint"),
    "relevance": ("relevance", "real"),
}
SORTS = tuple(_SORTS)


@dataclass(frozen=True, slots=True)
class Sort:
    """One field of the order; `name` is one of SORTS."""

    name: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is asked for. Prices are in minor units of `currency`, and a product's is its lowest."""

    currency: str
    status: str | None = None
    text: str | None = None
    category: str | None = None
    """Id or slug: products of that category and of all below it."""
    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Attributes and options by name, each with the values of which one must be there."""
    price_from: int | None = None
    price_to: int | None = None
    in_stock: bool | None = None
    sort: tuple[Sort, ...] = (Sort("created_at", True),)
    facets: tuple[str, ...] = ()
    """Names of attributes and options, `category`, `price`."""
    total: bool = False

    @property
    def key(self) -> dict[str, str]:
        """What tells rows apart in this order, with types, as `queries.rows.Listing` has it."""
        return {**dict(_SORTS[sort.name] for sort in self.sort), "product_id": "text"}

    @property
    def is_priced(self) -> bool:
        sorted_by = any(sort.name == "price" for sort in self.sort)
        return sorted_by or PRICE in self.facets or self.price_from is not None or self.price_to is not None

    @property
    def is_whole(self) -> bool:
        """Whether all that match must be found before the first can be shown."""
        return self.text is not None or self.total or bool(self.facets)
