"""Commands, the rules that decide them, and the policies that react to facts. Needs nothing but Python."""

from typing import Any, get_args

from commands import (
    cart,
    catalog_row,
    category,
    checkout,
    claim,
    location,
    operations,
    order,
    pricing,
    product,
    stock,
    user,
    wishlist,
)
from commands.cart import CartCommand
from commands.catalog_row import PutCatalogRow
from commands.category import CategoryCommand
from commands.checkout import CheckoutCommand
from commands.decider import Decide, Fold
from commands.location import LocationCommand
from commands.operations import OperationsCommand
from commands.order import OrderCommand
from commands.pricing import PricingCommand
from commands.product import ProductCommand
from commands.stock import StockCommand
from commands.user import UserCommand
from commands.wishlist import WishlistCommand

Command = (
    CartCommand
    | CategoryCommand
    | CheckoutCommand
    | LocationCommand
    | OperationsCommand
    | OrderCommand
    | PricingCommand
    | ProductCommand
    | PutCatalogRow
    | StockCommand
    | UserCommand
    | WishlistCommand
)

DECIDERS: dict[type, Decide] = {
    command: decide
    for commands, decide in (
        (CartCommand, cart.decide),
        (CategoryCommand, category.decide),
        (CheckoutCommand, checkout.decide),
        (LocationCommand, location.decide),
        (OperationsCommand, operations.decide),
        (OrderCommand, order.decide),
        (PricingCommand, pricing.decide),
        (ProductCommand, product.decide),
        (PutCatalogRow, catalog_row.decide),
        (StockCommand, stock.decide),
        (UserCommand, user.decide),
        (WishlistCommand, wishlist.decide),
    )
    for command in get_args(commands) or (commands,)
}
"""Which rules decide a command."""

FOLDS: dict[str, Fold[Any]] = {
    fold.category: fold
    for fold in (
        cart.carts,
        category.categories,
        claim.claims,
        location.all_locations.fold,
        operations.skips,
        order.orders,
        product.products,
        stock.stocks,
        user.users,
        wishlist.wishlists,
    )
}
"""How the facts of each category of streams become a state."""
