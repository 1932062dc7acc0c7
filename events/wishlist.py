"""What can happen to a customer's wishlist."""

from dataclasses import dataclass

from events.values import Money, ProductId, Sku, UserId


@dataclass(frozen=True, slots=True)
class WishAdded:
    """`prices` of one unit are what the customer saw then."""

    customer_id: UserId
    sku: Sku
    product_id: ProductId
    prices: tuple[Money, ...] = ()


@dataclass(frozen=True, slots=True)
class WishRemoved:
    customer_id: UserId
    sku: Sku
    to_cart: bool = False


WishlistEvent = WishAdded | WishRemoved
