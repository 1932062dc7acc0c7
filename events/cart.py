"""What can happen to a shopper's cart. A cart lives as long as its shopper: a checkout empties it."""

from dataclasses import dataclass

from events.values import CartId, OrderId, ProductId, Sku, UserId


@dataclass(frozen=True, slots=True)
class CartOpened:
    cart_id: CartId
    customer_id: UserId | None = None


@dataclass(frozen=True, slots=True)
class CartLineAdded:
    """`quantity` more units: two additions at once add up."""

    cart_id: CartId
    sku: Sku
    product_id: ProductId
    quantity: int


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


CartEvent = CartOpened | CartLineAdded | CartLineChanged | CartLineRemoved | CartCleared | CartCheckedOut
