"""A small shop on a real database with two handlers, as two processes have them, and what drives them one by one."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain, product
from typing import Any
from uuid import uuid4

from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from commands import Command
from commands.cart import carts, own_cart
from commands.category import CreateCategory
from commands.checkout import PlaceOrder, wanted
from commands.coupon import CreateCoupon, coupon_uses, coupons
from commands.decider import Ref
from commands.handler import Handler, Once
from commands.location import OpenLocation
from commands.offer import offer
from commands.order import orders
from commands.order_life import CancelOrder, CompleteOrder, ShipOrder
from commands.product import CreateProduct, PublishProduct
from commands.rejections import Rejected
from commands.shipping import SetShippingZone
from commands.stock import ReceiveStock, Stock, stocks
from commands.tax import RemoveTaxes, SetTaxes
from commands.variant import AddVariant
from commands.wishlist import wishlists
from events import Event
from events.coupon import CouponKind, CouponTerms
from events.shipping import ShippingMethod
from events.store import EventStore
from events.tax import TaxRate
from events.values import Address, CartId, CategoryId, Money, OrderId, ProductId, Sku, UserId
from tests.properties.money_model import Purse, Refusal
from tests.properties.shop_laws import broken_laws
from tests.properties.shop_model import (
    COUPON_EACH,
    COUPON_LIMIT,
    COUPON_MINIMUM,
    COUPON_OFF,
    FREE_FROM,
    PARCEL,
    PLACES,
    PRICES,
    VAT,
    ShopModel,
)

PEOPLE = ("ann", "bob", "guest")
MUCH_LATER = datetime(2100, 1, 1, tzinfo=UTC)
HOME = Address("Ann", "Street 1", "Berlin", "10115", "DE")


def eur(amount: int) -> Money:
    return Money(amount, "EUR")


BY_POST = ShippingMethod("post", "By post", (eur(PARCEL),), (eur(FREE_FROM),))
TERMS = CouponTerms(
    CouponKind.PERCENT,
    int(COUPON_OFF * 10_000),
    minimum=(eur(COUPON_MINIMUM),),
    limit=COUPON_LIMIT,
    limit_per_customer=COUPON_EACH,
)


@dataclass
class Floor:
    """What all examples stand on: an event loop, and two handlers with a store each."""

    runner: asyncio.Runner
    handlers: list[Handler]
    store: EventStore


class ShopDriver(RuleBasedStateMachine):
    """Subclasses say on which floor, and what can be done."""

    floor: Floor

    def __init__(self) -> None:
        super().__init__()
        self.runner, self.handlers = self.floor.runner, self.floor.handlers
        self.model = ShopModel()
        self.run = uuid4().hex[:12]
        self.done: list[tuple[Command, Once]] = []
        self.facts: list[Event] = []
        self.position = self.runner.run(self.floor.store.head())

    @initialize()
    def open(self) -> None:
        category, product_id = CategoryId(self.run), ProductId(self.run)
        variants = [AddVariant(product_id, self.sku(article), eur(price)) for article, price in PRICES.items()]
        create = CreateProduct(product_id, self.run, "Goods", category)
        self.runner.run(
            self.handlers[0](
                OpenLocation("attic"),
                CreateCategory(category, self.run, "All"),
                create,
                *variants,
                PublishProduct(product_id),
                SetShippingZone("de", "Germany", ("DE",), (BY_POST,)),
                CreateCoupon(self.run, TERMS),
                self.taxing(self.model.tax),
            )
        )
        for article in PRICES:
            self.ask(ReceiveStock(self.sku(article), 8), self.model.receive(article, 8), 1)

    @invariant()
    def no_law_is_broken(self) -> None:
        self.read_on()
        assert broken_laws(self.facts) == []

    def read_on(self) -> None:
        """What has happened since."""
        self.runner.run(self._read_on())

    async def _read_on(self) -> None:
        while page := await self.floor.store.read_all(self.position, limit=1_000):
            self.facts += [fact.event for fact in page]
            self.position = page[-1].position

    @invariant()
    def shop_is_as_the_model_says(self) -> None:
        """Everything is read at once, since this is done at every step."""
        known = self.runner.run(self.handlers[0].ask(lambda read: read.all(self.refs())))
        states = dict(zip([ref.stream for ref in self.refs()], known, strict=True))
        self.compare(lambda ref: states[ref.stream])

    def refs(self) -> list[Ref[Any]]:
        shelves = [stocks(self.sku(article), place) for article, place in product(PRICES, PLACES)]
        customers = [self.customer(who) for who in PEOPLE]
        theirs: list[tuple[Ref[Any], ...]] = [
            (coupon_uses(self.run, each), carts(own_cart(each)), wishlists(each)) for each in customers
        ]
        return [*shelves, coupons(self.run), *chain.from_iterable(theirs), *map(orders, self.model.orders)]

    def compare(self, read: Callable[[Ref[Any]], Any]) -> None:
        model = self.model
        for article, place in product(PRICES, PLACES):
            shelf = article, place
            signal = model.thresholds.get(shelf), model.is_low(*shelf)
            assert read(stocks(self.sku(article), place)) == Stock(model.on_hand[shelf], model.reserved[shelf], *signal)
        assert read(coupons(self.run)).redeemed == model.redeemed()
        for who in PEOPLE:
            cart = read(carts(self.cart(who)))
            assert len(read(coupon_uses(self.run, self.customer(who))).orders) == model.redeemed(who)
            assert cart.coupon == (self.run if who in model.with_coupon else None)
            wishes = {self.sku(article) for article in model.wishes.get(who, ())}
            assert read(wishlists(self.customer(who))).skus == wishes
            assert {sku: line.quantity for sku, line in cart.lines.items()} == {
                self.sku(article): units for article, units in model.carts.get(who, {}).items()
            }
        for order_id, expected in model.orders.items():
            order, money = read(orders(order_id)), expected.money
            assert (order.status, order.payment, order.held) == (expected.status, money.state, money.held)
            for payment, tried in zip(order.payments.values(), money.tries.values(), strict=True):
                assert (payment.voiding, payment.held) == (tried.voiding, tried.captured - tried.refunded)
                assert Counter(payment.refunding.values()) == tried.refunding
            assert order.quantities == {self.sku(article): units for article, units in expected.lines.items()}
            assert order.total == eur(money.total)

    def ask(self, command: Command, expected: Refusal, where: int, *along: Command) -> None:
        once = Once(self.new_id(), b"request", lambda done: b"done")
        outcome = self.runner.run(self._outcome(command, where, once, *along))
        assert outcome == expected, f"{command} came to {outcome}, and {expected} was expected"
        if expected is None:
            self.done.append((command, once))

    def at_once(self, *commands: Command) -> list[Refusal]:
        async def outcomes() -> list[Refusal]:
            return await asyncio.gather(*[self._outcome(command, n % 2) for n, command in enumerate(commands)])

        return self.runner.run(outcomes())

    async def _outcome(self, command: Command, where: int, once: Once | None = None, *along: Command) -> Refusal:
        try:
            await self.handlers[where](command, *along, once=once)
        except Rejected as rejected:
            return type(rejected)
        return None

    def placing(self, order_id: str, who: str) -> PlaceOrder:
        return PlaceOrder(OrderId(order_id), self.customer(who), self.cart(who), "EUR", MUCH_LATER, ship_to=HOME)

    def quoted(self, placing: PlaceOrder, where: int) -> Money | None:
        """The total; None if it is refused, as the order will be."""
        try:
            return self.runner.run(self.handlers[where].ask(partial(offer, wanted(placing)))).totals.total
        except Rejected:
            return None

    def taxing(self, tax: str) -> Command:
        rate = TaxRate("standard", int(VAT * 1_000_000))
        return RemoveTaxes("DE") if tax == "none" else SetTaxes("DE", tax == "in", (rate,))

    def going_on(self, kind: str, order_id: str) -> Command:
        if kind == "cancel":
            return CancelOrder(OrderId(order_id), "why")
        return ShipOrder(OrderId(order_id)) if kind == "ship" else CompleteOrder(OrderId(order_id))

    def purse(self, order_id: str) -> Purse:
        return self.model.orders[order_id].money

    def order(self, which: int) -> OrderId:
        """The newest orders are asked for most."""
        return OrderId(list(self.model.orders)[-1 - which % len(self.model.orders)])

    def sku(self, article: str) -> Sku:
        return Sku(f"{self.run}-{article}")

    def article(self, sku: Sku) -> str:
        return sku.removeprefix(f"{self.run}-")

    def cart(self, who: str) -> CartId:
        return own_cart(self.customer(who))

    def customer(self, who: str) -> UserId:
        return UserId(f"{self.run}-{who}")

    def new_id(self) -> str:
        return uuid4().hex
