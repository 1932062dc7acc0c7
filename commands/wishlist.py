"""Keeping in mind what one would like to have, and moving it into the cart."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from commands import cart
from commands.cart import AddToCart, on_sale, own_cart
from commands.decider import Fold, Read
from commands.product import product_of, products
from commands.rejections import LimitExceeded, NotFound
from events import Event
from events.values import Sku, UserId
from events.wishlist import WishAdded, WishlistEvent, WishRemoved

MAX_WISHES = 200


@dataclass(frozen=True, slots=True)
class AddWish:
    customer_id: UserId
    sku: Sku


@dataclass(frozen=True, slots=True)
class RemoveWish:
    customer_id: UserId
    sku: Sku


@dataclass(frozen=True, slots=True)
class MoveWishToCart:
    """Off the list and into the customer's cart, or neither."""

    customer_id: UserId
    sku: Sku
    quantity: int = 1


WishlistCommand = AddWish | RemoveWish | MoveWishToCart


@dataclass(frozen=True, slots=True)
class Wishlist:
    skus: frozenset[Sku] = frozenset()


def evolve(wishlist: Wishlist, event: WishlistEvent) -> Wishlist:
    match event:
        case WishAdded(_, sku):
            return replace(wishlist, skus=wishlist.skus | {sku})
        case WishRemoved(_, sku):
            return replace(wishlist, skus=wishlist.skus - {sku})
        case _:
            assert_never(event)


wishlists = Fold("wishlist", Wishlist(), evolve)


def decide(command: WishlistCommand, read: Read) -> Sequence[Event]:
    wishes = read(wishlists(command.customer_id)).skus
    match command:
        case AddWish(customer_id, sku):
            return [] if sku in wishes else _added(customer_id, sku, wishes, read)
        case RemoveWish(customer_id, sku):
            return [WishRemoved(customer_id, sku)] if sku in wishes else []
        case MoveWishToCart(customer_id, sku, quantity):
            if sku not in wishes:
                raise NotFound("wish", sku)
            into_cart = cart.decide(AddToCart(own_cart(customer_id), sku, quantity, customer_id), read)
            return [WishRemoved(customer_id, sku, to_cart=True), *into_cart]
        case _:
            assert_never(command)


def _added(customer_id: UserId, sku: Sku, wishes: frozenset[Sku], read: Read) -> Sequence[Event]:
    product_id = product_of(sku, read)
    product = read(products(product_id))
    on_sale(sku, product)
    if len(wishes) >= MAX_WISHES:
        raise LimitExceeded(f"A wishlist holds at most {MAX_WISHES} articles.", limit=MAX_WISHES)
    return [WishAdded(customer_id, sku, product_id, tuple(product.variants[sku].prices.values()))]
