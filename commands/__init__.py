"""Commands, the rules that decide them, and the policies that react to facts. Needs nothing but Python."""

from typing import Any, get_args

from commands import cart, catalog_row, category, checkout, claim, operations, order, pricing, product, stock, user
from commands.cart import CartCommand
from commands.catalog_row import PutCatalogRow
from commands.category import CategoryCommand
from commands.checkout import CheckoutCommand
from commands.decider import Decide, Fold
from commands.operations import OperationsCommand
from commands.order import OrderCommand
from commands.pricing import PricingCommand
from commands.product import ProductCommand
from commands.stock import StockCommand
from commands.user import UserCommand

Command = (
    CartCommand
    | CategoryCommand
    | CheckoutCommand
    | OperationsCommand
    | OrderCommand
    | PricingCommand
    | ProductCommand
    | PutCatalogRow
    | StockCommand
    | UserCommand
)

DECIDERS: dict[type, Decide] = {
    command: decide
    for commands, decide in (
        (CartCommand, cart.decide),
        (CategoryCommand, category.decide),
        (CheckoutCommand, checkout.decide),
        (OperationsCommand, operations.decide),
        (OrderCommand, order.decide),
        (PricingCommand, pricing.decide),
        (ProductCommand, product.decide),
        (PutCatalogRow, catalog_row.decide),
        (StockCommand, stock.decide),
        (UserCommand, user.decide),
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
        operations.skips,
        order.orders,
        product.products,
        stock.stocks,
        user.users,
    )
}
"""How the facts of each category of streams become a state."""
