"""Filling a cart. Line commands commute: two at once both count, in either order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from commands.decider import Fold, Read
from commands.product import Product, product_of, products
from commands.product import Status as ProductStatus
from commands.rejections import LimitExceeded, NotForSale, NotFound
from events import Event
from events.cart import (
    CartCheckedOut,
    CartCleared,
    CartEvent,
    CartLineAdded,
    CartLineChanged,
    CartLineRemoved,
    CartOpened,
)
from events.values import CartId, ProductId, Sku, UserId

MAX_LINES = 200
MAX_QUANTITY = 100_000
"""Units of one line. Fuel is sold in hundredths of a unit, hence so many."""


@dataclass(frozen=True, slots=True)
class AddToCart:
    cart_id: CartId
    sku: Sku
    quantity: int
    customer_id: UserId | None = None


@dataclass(frozen=True, slots=True)
class ChangeCartLine:
    """Set a line's quantity; 0 removes it."""

    cart_id: CartId
    sku: Sku
    quantity: int


@dataclass(frozen=True, slots=True)
class RemoveFromCart:
    cart_id: CartId
    sku: Sku


@dataclass(frozen=True, slots=True)
class ClearCart:
    cart_id: CartId


CartCommand = AddToCart | ChangeCartLine | RemoveFromCart | ClearCart


@dataclass(frozen=True, slots=True)
class CartLine:
    product_id: ProductId
    quantity: int


@dataclass(frozen=True, slots=True)
class Cart:
    opened: bool = False
    lines: Mapping[Sku, CartLine] = field(default_factory=dict)


def evolve(cart: Cart, event: CartEvent) -> Cart:
    match event:
        case CartOpened():
            return replace(cart, opened=True)
        case CartLineAdded(_, sku, product_id, quantity):
            held = cart.lines[sku].quantity if sku in cart.lines else 0
            return replace(cart, lines={**cart.lines, sku: CartLine(product_id, held + quantity)})
        case CartLineChanged(_, sku, quantity):
            return replace(cart, lines={**cart.lines, sku: replace(cart.lines[sku], quantity=quantity)})
        case CartLineRemoved(_, sku):
            return replace(cart, lines={other: line for other, line in cart.lines.items() if other != sku})
        case CartCleared() | CartCheckedOut():
            return Cart(opened=True)  # whatever was before: the facts before it may be in an archive
        case _:
            assert_never(event)


carts = Fold("cart", Cart(), evolve)


def decide(command: CartCommand, read: Read) -> Sequence[Event]:
    cart = read(carts(command.cart_id))
    match command:
        case AddToCart(cart_id, sku, quantity, customer_id):
            return _added(cart_id, sku, quantity, customer_id, cart, read)
        case ChangeCartLine(cart_id, sku, quantity):
            if quantity == 0:
                return [CartLineRemoved(cart_id, sku)] if sku in cart.lines else []
            if sku not in cart.lines:
                raise NotFound("cart line", sku)
            _check_quantity(sku, quantity)
            return [CartLineChanged(cart_id, sku, quantity)] if cart.lines[sku].quantity != quantity else []
        case RemoveFromCart(cart_id, sku):
            return [CartLineRemoved(cart_id, sku)] if sku in cart.lines else []
        case ClearCart(cart_id):
            return [CartCleared(cart_id)] if cart.lines else []
        case _:
            assert_never(command)


def on_sale(sku: Sku, product: Product) -> None:
    """Raises NotForSale."""
    if product.status is not ProductStatus.ACTIVE:
        raise NotForSale(sku, f"its product is {product.status.value.lower()}")


def _added(
    cart_id: CartId, sku: Sku, quantity: int, customer_id: UserId | None, cart: Cart, read: Read
) -> Sequence[Event]:
    product_id = product_of(sku, read)
    on_sale(sku, read(products(product_id)))
    held = cart.lines[sku].quantity if sku in cart.lines else 0
    _check_quantity(sku, quantity)
    _check_quantity(sku, held + quantity)
    if not held and len(cart.lines) >= MAX_LINES:
        raise LimitExceeded(f"A cart has at most {MAX_LINES} lines.", limit=MAX_LINES)
    opened = [] if cart.opened else [CartOpened(cart_id, customer_id)]
    return [*opened, CartLineAdded(cart_id, sku, product_id, quantity)]


def _check_quantity(sku: Sku, quantity: int) -> None:
    if quantity < 1:
        raise LimitExceeded(f"A line holds at least one unit of {sku}.", sku=sku, limit=1)
    if quantity > MAX_QUANTITY:
        raise LimitExceeded(f"At most {MAX_QUANTITY} units of {sku} fit into a cart.", sku=sku, limit=MAX_QUANTITY)
