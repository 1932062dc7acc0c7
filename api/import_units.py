"""History in the shop's own commands: what an article, a household or a basket means, each a unit that happens once."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from commands import Command
from commands.attributes import Attributes
from commands.category import CreateCategory, categories
from commands.checkout import RecordSale
from commands.claim import claims, sku_name
from commands.decider import Ref
from commands.handler import Once
from commands.order import orders
from commands.order_life import CompleteOrder, ShipOrder
from commands.product import CreateProduct, PublishProduct, products
from commands.settlement import RecordCapture
from commands.stock import ReceiveStock, stocks
from commands.user import RegisterUser, users
from commands.variant import AddVariant
from events.values import DEFAULT_LOCATION, CategoryId, Line, Money, OrderId, PaymentId, ProductId, Sku, UserId
from infrastructure.complete_journey.history import CURRENCY, OPENED_AT, Article, Basket, unit_price
from infrastructure.ids import made_id

SOURCE = "complete-journey"


@dataclass(frozen=True, slots=True)
class Unit:
    """Commands to be taken together or not at all.

    `reads` are the streams they will ask for, `done_with` those that nothing later in the import asks for again."""

    commands: tuple[Command, ...]
    at: datetime
    once: Once
    reads: tuple[Ref[Any], ...]
    done_with: tuple[Ref[Any], ...]


class Place(NamedTuple):
    """A node of the tree: a department, or with a category a leaf below it."""

    department: str
    category: str = ""


class _Named(NamedTuple):
    sku: Sku
    product_id: ProductId
    name: str
    category_id: CategoryId


def tree(articles: Iterable[Article]) -> list[Place]:
    """The departments and categories that these articles need, parents first."""
    leaves = {Place(article.department, article.category) for article in articles}
    return sorted(leaves | {Place(leaf.department) for leaf in leaves})


def category_ref(place: Place) -> Ref[Any]:
    return categories(_category_id(place))


def product_ref(article: Article) -> Ref[Any]:
    return products(_product_id(article.number))


def customer_ref(household: int) -> Ref[Any]:
    return users(_customer_id(household))


def order_ref(basket: Basket) -> Ref[Any]:
    return orders(_order_id(basket))


def category_unit(place: Place) -> Unit:
    category_id, slug = _category_id(place), _slug(" ".join(place))
    parent_id = _category_id(Place(place.department)) if place.category else None
    create = CreateCategory(category_id, slug, (place.category or place.department).capitalize(), parent_id)
    claim = claims(f"category-slug:{slug}")
    reads: list[Ref[Any]] = [categories(category_id), claim]
    if parent_id:
        reads.append(categories(parent_id))
    return Unit((create,), OPENED_AT, _once("category", "/".join(place), create), tuple(reads), (claim,))


def product_unit(article: Article) -> Unit:
    """On sale, with a price and stock. The stock stays in memory for the sales to come."""
    sku, product_id, name, category_id = _named(article)
    slug = f"{_slug(name)}-{article.number}"
    said = {"brand": article.brand, "package_size": article.package_size}
    attributes: Attributes = {key: value for key, value in said.items() if value}
    commands = (
        CreateProduct(product_id, slug, name, category_id, attributes=attributes or None),
        AddVariant(product_id, sku, Money(article.price_minor, CURRENCY)),
        PublishProduct(product_id),
        ReceiveStock(sku, article.opening_stock, f"{SOURCE}: opening stock"),
    )
    passing = (products(product_id), claims(f"product-slug:{slug}"), claims(sku_name(sku)))
    reads = (*passing, stocks(sku, DEFAULT_LOCATION), categories(category_id))
    return Unit(commands, OPENED_AT, _once("product", article.number, article), reads, passing)


def customer_unit(household: int) -> Unit:
    user_id = _customer_id(household)
    register = RegisterUser(user_id, f"household-{household}@{SOURCE}.invalid", f"Household {household}")
    reads = (users(user_id),)
    return Unit((register,), OPENED_AT, _once("household", household, register), reads, reads)


class Sales:
    """Baskets as orders that were placed, paid, shipped and completed in one moment at the till."""

    def __init__(self, articles: Iterable[Article]) -> None:
        self._named = {article.number: _named(article) for article in articles}

    def __call__(self, basket: Basket) -> Unit:
        order_id = _order_id(basket)
        lines = tuple(self._lines(basket))
        total = Money(sum(line.total_minor for line in basket.lines), CURRENCY)
        payment_id = PaymentId(made_id("pay", basket.at, f"{SOURCE}:basket:{basket.number}"))
        commands = (
            RecordSale(order_id, _customer_id(basket.household), lines),
            # No PayOrder: a wish to pay is what makes our gateway take money, and this money was taken in 2017.
            RecordCapture(order_id, payment_id, total, f"{SOURCE}:{basket.number}"),
            ShipOrder(order_id),
            CompleteOrder(order_id),
        )
        order: Ref[Any] = orders(order_id)
        reads = (order, *(stocks(line.sku, DEFAULT_LOCATION) for line in lines))
        return Unit(commands, basket.at, _once("basket", basket.number, basket), reads, (order,))

    def _lines(self, basket: Basket) -> Iterator[Line]:
        for number, quantity, total_minor in basket.lines:
            price = Money(unit_price(total_minor, quantity), CURRENCY)
            yield Line(*self._named[number], quantity, price, Money(total_minor, CURRENCY))


def _named(article: Article) -> _Named:
    category_id = _category_id(Place(article.department, article.category))
    return _Named(Sku(f"CJ-{article.number}"), _product_id(article.number), article.name, category_id)


def _category_id(place: Place) -> CategoryId:
    return CategoryId(made_id("cat", OPENED_AT, f"{SOURCE}:{'/'.join(place)}"))


def _product_id(number: int) -> ProductId:
    return ProductId(made_id("prd", OPENED_AT, f"{SOURCE}:{number}"))


def _customer_id(household: int) -> UserId:
    return UserId(made_id("usr", OPENED_AT, f"{SOURCE}:{household}"))


def _order_id(basket: Basket) -> OrderId:
    return OrderId(made_id("ord", basket.at, f"{SOURCE}:{basket.number}"))


def _once(kind: str, name: object, content: object) -> Once:
    return Once(f"import:{SOURCE}:{kind}:{name}", hashlib.sha256(repr(content).encode()).digest())


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
