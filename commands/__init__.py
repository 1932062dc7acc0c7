"""Commands, the rules that decide them, and the policies that react to facts. Needs nothing but Python."""

from typing import get_args

from commands import cart, category, checkout, operations, order, product, stock, user
from commands.cart import CartCommand
from commands.category import CategoryCommand
from commands.checkout import CheckoutCommand
from commands.decider import Decide
from commands.operations import OperationsCommand
from commands.order import OrderCommand
from commands.product import ProductCommand
from commands.stock import StockCommand
from commands.user import UserCommand

Command = (
    CartCommand
    | CategoryCommand
    | CheckoutCommand
    | OperationsCommand
    | OrderCommand
    | ProductCommand
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
        (ProductCommand, product.decide),
        (StockCommand, stock.decide),
        (UserCommand, user.decide),
    )
    for command in get_args(commands) or (commands,)
}
"""Which rules decide a command."""
