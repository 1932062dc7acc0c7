"""A small shop on a real database with two handlers, as two processes have them, and what drives them one by one."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from uuid import uuid4

from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from commands import Command
from commands.cart import carts, own_cart
from commands.category import CreateCategory
from commands.checkout import PlaceOrder
from commands.handler import Handler, Once
from commands.location import OpenLocation
from commands.order import CancelOrder, CompleteOrder, ShipOrder, orders
from commands.product import AddVariant, CreateProduct, PublishProduct
from commands.rejections import Rejected
from commands.stock import ReceiveStock, Stock, stocks
from commands.wishlist import wishlists
from events.values import CartId, CategoryId, Money, OrderId, ProductId, Sku, UserId
from tests.properties.shop_model import PLACES, Refusal, ShopModel

MUCH_LATER = datetime(2100, 1, 1, tzinfo=UTC)
PRICES = {"cup": Money(250, "EUR"), "jug": Money(1999, "EUR")}


@dataclass
class Floor:
    """What all examples stand on: an event loop, and two handlers with a store each."""

    runner: asyncio.Runner
    handlers: list[Handler]


class ShopDriver(RuleBasedStateMachine):
    """Subclasses say on which floor, and what can be done."""

    floor: Floor

    def __init__(self) -> None:
        super().__init__()
        self.runner, self.handlers = self.floor.runner, self.floor.handlers
        self.model = ShopModel()
        self.run = uuid4().hex[:12]
        self.done: list[tuple[Command, Once]] = []

    @initialize()
    def open(self) -> None:
        category, product_id = CategoryId(self.run), ProductId(self.run)
        variants = [AddVariant(product_id, self.sku(article), price) for article, price in PRICES.items()]
        create = CreateProduct(product_id, self.run, "Goods", category)
        self.runner.run(
            self.handlers[0](
                OpenLocation("attic"),
                CreateCategory(category, self.run, "All"),
                create,
                *variants,
                PublishProduct(product_id),
            )
        )
        for article in PRICES:
            self.ask(ReceiveStock(self.sku(article), 8), self.model.receive(article, 8), 1)

    @invariant()
    def shop_is_as_the_model_says(self) -> None:
        self.runner.run(self._compare())

    async def _compare(self) -> None:
        read, model = self.handlers[0].read, self.model
        for article, place in product(PRICES, PLACES):
            shelf = article, place
            signal = model.thresholds.get(shelf), model.is_low(*shelf)
            stock = Stock(model.on_hand[shelf], model.reserved[shelf], *signal)
            assert await read(stocks(self.sku(article), place)) == stock
        for who in ("ann", "bob", "guest"):
            wishes = {self.sku(article) for article in model.wishes.get(who, ())}
            assert (await read(wishlists(self.customer(who)))).skus == wishes
            lines = (await read(carts(self.cart(who)))).lines
            assert {sku: line.quantity for sku, line in lines.items()} == {
                self.sku(article): units for article, units in model.carts.get(who, {}).items()
            }
        for order_id, expected in model.orders.items():
            order = await read(orders(order_id))
            assert (order.status, order.payment) == (expected.status, expected.payment)
            assert order.quantities == {self.sku(article): units for article, units in expected.lines.items()}
            assert order.total.amount == sum(PRICES[each].amount * units for each, units in expected.lines.items())

    def ask(self, command: Command, expected: Refusal, where: int) -> None:
        once = Once(self.new_id(), b"request", lambda done: b"done")
        outcome = self.runner.run(self._outcome(command, where, once))
        assert outcome == expected, f"{command} came to {outcome}, and {expected} was expected"
        if expected is None:
            self.done.append((command, once))

    def at_once(self, *commands: Command) -> list[Refusal]:
        async def outcomes() -> list[Refusal]:
            return await asyncio.gather(*[self._outcome(command, n % 2) for n, command in enumerate(commands)])

        return self.runner.run(outcomes())

    async def _outcome(self, command: Command, where: int, once: Once | None = None) -> Refusal:
        try:
            await self.handlers[where](command, once=once)
        except Rejected as rejected:
            return type(rejected)
        return None

    def placing(self, order_id: str, who: str) -> PlaceOrder:
        return PlaceOrder(OrderId(order_id), self.customer(who), self.cart(who), "EUR", MUCH_LATER)

    def going_on(self, kind: str, order_id: str) -> Command:
        if kind == "cancel":
            return CancelOrder(OrderId(order_id), "why")
        return ShipOrder(OrderId(order_id)) if kind == "ship" else CompleteOrder(OrderId(order_id))

    def order(self, which: int) -> OrderId:
        """The newest orders are asked for most."""
        return OrderId(list(self.model.orders)[-1 - which % len(self.model.orders)])

    def sku(self, article: str) -> Sku:
        return Sku(f"{self.run}-{article}")

    def cart(self, who: str) -> CartId:
        return own_cart(self.customer(who))

    def customer(self, who: str) -> UserId:
        return UserId(f"{self.run}-{who}")

    def new_id(self) -> str:
        return uuid4().hex
