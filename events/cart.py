"""What can happen to a shopper's cart. A cart lives as long as its shopper: a checkout empties it."""

from dataclasses import dataclass

from events.quick import quick
from events.values import CartId, Money, OrderId, ProductId, Sku, UserId


@dataclass(frozen=True, slots=True)
class CartOpened:
    cart_id: CartId
    customer_id: UserId | None = None


@quick
@dataclass(frozen=True, slots=True)
class CartLineAdded:
    """`quantity` more units: two additions at once add up. `prices` of one unit are what the shopper saw then."""

    cart_id: CartId
    sku: Sku
    product_id: ProductId
    quantity: int
    prices: tuple[Money, ...] = ()


@dataclass(frozen=True, slots=True)
class CartLineChanged:
    """The line holds `quantity` units from now on."""

    cart_id: CartId
    sku: Sku
    quantity: int


@dataclass(frozen=True, slots=True)
class CartLineRemoved:
    cart_id: CartId
    sku: Sku


@dataclass(frozen=True, slots=True)
class CartCleared:
    cart_id: CartId


@dataclass(frozen=True, slots=True)
class CartCheckedOut:
    cart_id: CartId
    order_id: OrderId


@dataclass(frozen=True, slots=True)
class CartCouponSet:
    """The shopper wants this coupon to count. Whether it does is decided with the order."""

    cart_id: CartId
    code: str


@dataclass(frozen=True, slots=True)
class CartCouponRemoved:
    cart_id: CartId


@dataclass(frozen=True, slots=True)
class MergedLine:
    """A line of a guest's cart: `quantity` units of it came over, and `left_out` did not fit into a cart."""

    sku: Sku
    product_id: ProductId
    quantity: int
    left_out: int = 0
    prices: tuple[Money, ...] = ()


@dataclass(frozen=True, slots=True)
class CartMerged:
    """What a guest had put into the cart `merged` came on top: whose it was has signed in."""

    cart_id: CartId
    merged: CartId
    lines: tuple[MergedLine, ...]


@dataclass(frozen=True, slots=True)
class CartClosed:
    """A guest's cart is empty: everything has gone into the cart of who signed in.

    One that has gone into itself was that of a customer who is forgotten, and nothing is ordered from it any more."""

    cart_id: CartId
    merged_into: CartId


CartEvent = (
    CartOpened
    | CartLineAdded
    | CartLineChanged
    | CartLineRemoved
    | CartCleared
    | CartCheckedOut
    | CartCouponSet
    | CartCouponRemoved
    | CartMerged
    | CartClosed
)
