"""Filling a cart. Line commands commute: two at once both count, in either order. Signing in brings a guest's along."""

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
    CartClosed,
    CartCouponRemoved,
    CartCouponSet,
    CartEvent,
    CartLineAdded,
    CartLineChanged,
    CartLineRemoved,
    CartMerged,
    CartOpened,
    MergedLine,
)
from events.values import CartId, Money, ProductId, Sku, UserId

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


@dataclass(frozen=True, slots=True)
class MergeCarts:
    """Whoever filled the cart `guest` has turned out to be this customer. Asked twice, it does nothing more."""

    guest: CartId
    customer_id: UserId


CartCommand = AddToCart | ChangeCartLine | RemoveFromCart | ClearCart | MergeCarts


@dataclass(frozen=True, slots=True)
class CartLine:
    product_id: ProductId
    quantity: int
    prices: tuple[Money, ...] = ()
    """Of one unit, when it was last added to."""


@dataclass(frozen=True, slots=True)
class Cart:
    opened: bool = False
    lines: Mapping[Sku, CartLine] = field(default_factory=dict)
    merged_into: CartId | None = None
    """A guest's cart that was merged stays the guest's, empty: who signs out goes on with it. One that was merged into
    itself is that of someone who is forgotten: nothing goes into it any more."""
    coupon: str | None = None

    def held(self, sku: Sku) -> int:
        """Units."""
        return self.lines[sku].quantity if sku in self.lines else 0


def evolve(cart: Cart, event: CartEvent) -> Cart:
    match event:
        case CartOpened():
            return replace(cart, opened=True)
        case CartLineAdded(_, sku, product_id, quantity, prices):
            line = CartLine(product_id, cart.held(sku) + quantity, prices)
            return replace(cart, lines={**cart.lines, sku: line})
        case CartLineChanged(_, sku, quantity):
            return replace(cart, lines={**cart.lines, sku: replace(cart.lines[sku], quantity=quantity)})
        case CartLineRemoved(_, sku):
            return replace(cart, lines={other: line for other, line in cart.lines.items() if other != sku})
        case CartCouponSet(_, code):
            return replace(cart, coupon=code)
        case CartCouponRemoved():
            return replace(cart, coupon=None)
        case CartCleared() | CartCheckedOut():
            return Cart(opened=True)  # whatever was before: the facts before it may be in an archive
        case CartMerged(lines=lines):
            added = {
                line.sku: CartLine(line.product_id, cart.held(line.sku) + line.quantity, line.prices)
                for line in lines
                if line.quantity
            }
            return replace(cart, opened=True, lines={**cart.lines, **added})
        case CartClosed(merged_into=merged_into):
            return Cart(opened=True, merged_into=merged_into)
        case _:
            assert_never(event)


carts = Fold("cart", Cart(), evolve)


def own_cart(customer_id: UserId) -> CartId:
    """The one cart that every customer has."""
    return CartId("cart_" + customer_id.removeprefix("usr_"))


def decide(command: CartCommand, read: Read) -> Sequence[Event]:
    if isinstance(command, MergeCarts):
        return _merged(command, read)
    cart = read(carts(command.cart_id))
    match command:
        case AddToCart(cart_id, sku, quantity, customer_id) if (
            cart.merged_into and customer_id and cart_id != own_cart(customer_id)
        ):
            # It was merged while this was on its way: what a customer adds is not left behind in a guest's cart.
            return decide(AddToCart(own_cart(customer_id), sku, quantity, customer_id), read)
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
            return [CartCleared(cart_id)] if cart.lines or cart.coupon else []
        case _:
            assert_never(command)


def on_sale(sku: Sku, product: Product) -> None:
    """Raises NotForSale."""
    if product.status is not ProductStatus.ACTIVE:
        raise NotForSale(sku, f"its product is {product.status.value.lower()}")


def _added(
    cart_id: CartId, sku: Sku, quantity: int, customer_id: UserId | None, cart: Cart, read: Read
) -> Sequence[Event]:
    if cart.merged_into == cart_id:
        raise NotFound("cart", cart_id)
    product_id = product_of(sku, read)
    product = read(products(product_id))
    on_sale(sku, product)
    held = cart.held(sku)
    _check_quantity(sku, quantity)
    _check_quantity(sku, held + quantity)
    if not held and len(cart.lines) >= MAX_LINES:
        raise LimitExceeded(f"A cart has at most {MAX_LINES} lines.", limit=MAX_LINES)
    opened = [] if cart.opened else [CartOpened(cart_id, customer_id)]
    prices = tuple(product.variants[sku].prices.values())
    return [*opened, CartLineAdded(cart_id, sku, product_id, quantity, prices)]


def _merged(command: MergeCarts, read: Read) -> Sequence[Event]:
    """Quantities add up as far as a cart holds them; the fact says what did not fit. A customer's own coupon stays."""
    into = own_cart(command.customer_id)
    guest, cart = read.all([carts(command.guest), carts(into)])
    if not guest.lines or command.guest == into or cart.merged_into == into:
        return []
    room, lines = MAX_LINES - len(cart.lines), []
    for sku, line in guest.lines.items():
        fits = min(line.quantity, MAX_QUANTITY - cart.held(sku))
        if sku not in cart.lines:
            fits, room = (fits if room > 0 else 0), room - 1
        lines.append(MergedLine(sku, line.product_id, fits, line.quantity - fits, line.prices))
    opened = [] if cart.opened else [CartOpened(into, command.customer_id)]
    coupon = [CartCouponSet(into, guest.coupon)] if guest.coupon and not cart.coupon else []
    return [*opened, CartMerged(into, command.guest, tuple(lines)), *coupon, CartClosed(command.guest, into)]


def _check_quantity(sku: Sku, quantity: int) -> None:
    if quantity < 1:
        raise LimitExceeded(f"A line holds at least one unit of {sku}.", sku=sku, limit=1)
    if quantity > MAX_QUANTITY:
        raise LimitExceeded(f"At most {MAX_QUANTITY} units of {sku} fit into a cart.", sku=sku, limit=MAX_QUANTITY)
