"""What the commands of a shop do, at random and through two handlers at once, is what a simple model says."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from commands.cart import AddToCart, MergeCarts
from commands.cart_coupon import RemoveCartCoupon, SetCartCoupon
from commands.handler import Handler
from commands.order import orders
from commands.order_life import ShipOrder, Units
from commands.rejections import InvalidTransition, OutOfStock
from commands.returning import Back, ReturnOrder
from commands.states import Known
from commands.stock import AdjustStock, ReceiveStock, SetThreshold, TransferStock
from commands.wishlist import AddWish, MoveWishToCart
from events.values import OrderId, ReturnId
from infrastructure import snapshots
from infrastructure.snapshots import StateCodec
from tests.integration.book import flaws, open_handler, open_store
from tests.properties.shop_driver import MUCH_LATER, Floor
from tests.properties.shop_model import PLACES, PRICES
from tests.properties.shop_till import WHERE, WHICH, ShopTill

UNITS, WHO = st.integers(1, 6), st.sampled_from(["ann", "bob"])
PHASES = (Phase.reuse, Phase.generate, Phase.shrink)  # explaining a failure would take as long again as finding it
LIMITS = settings(stateful_step_count=40, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
ARTICLE, PLACE = st.sampled_from(list(PRICES)), st.sampled_from(PLACES)
HOW = st.tuples(st.booleans(), st.booleans())
"""Whether goods that come back are fit to be sold, and whether the money goes back."""


class ShopMachine(ShopTill):
    @rule(article=ARTICLE, units=UNITS, where=WHERE)
    def receive(self, article: str, units: int, where: int) -> None:
        self.ask(ReceiveStock(self.sku(article), units), self.model.receive(article, units), where)

    @rule(article=ARTICLE, delta=st.integers(-5, 5), where=WHERE)
    def adjust(self, article: str, delta: int, where: int) -> None:
        self.ask(AdjustStock(self.sku(article), delta, "counted"), self.model.adjust(article, delta), where)

    @rule(who=WHO, article=ARTICLE, units=UNITS, where=WHERE)
    def add_to_cart(self, who: str, article: str, units: int, where: int) -> None:
        command = AddToCart(self.cart(who), self.sku(article), units)
        self.ask(command, self.model.add_to_cart(who, article, units), where)

    @rule(article=ARTICLE, units=UNITS, to=PLACE, where=WHERE)
    def receive_somewhere(self, article: str, units: int, to: str, where: int) -> None:
        command = ReceiveStock(self.sku(article), units, location=to)
        self.ask(command, self.model.receive(article, units, to), where)

    @rule(article=ARTICLE, units=UNITS, origin=PLACE, destination=PLACE, where=WHERE)
    def transfer(self, article: str, units: int, origin: str, destination: str, where: int) -> None:
        command = TransferStock(self.sku(article), units, origin, destination)
        self.ask(command, self.model.transfer(article, units, origin, destination), where)

    @rule(article=ARTICLE, units=st.one_of(st.none(), UNITS), at=PLACE, where=WHERE)
    def set_threshold(self, article: str, units: int | None, at: str, where: int) -> None:
        self.ask(SetThreshold(self.sku(article), units, at), self.model.set_threshold(article, units, at), where)

    @rule(who=WHO, article=ARTICLE, units=UNITS, where=WHERE)
    def sign_in_with_a_guests_cart(self, who: str, article: str, units: int, where: int) -> None:
        """At both handlers at once: it is merged once."""
        self.add_to_cart("guest", article, units, where)
        merge = MergeCarts(self.cart("guest"), self.customer(who))
        assert self.at_once(merge, merge) == [self.model.merge("guest", who)] * 2

    @rule(who=WHO, article=ARTICLE, where=WHERE)
    def wish(self, who: str, article: str, where: int) -> None:
        self.ask(AddWish(self.customer(who), self.sku(article)), self.model.wish(who, article), where)

    @rule(who=WHO, article=ARTICLE, where=WHERE)
    def fulfil_a_wish(self, who: str, article: str, where: int) -> None:
        command = MoveWishToCart(self.customer(who), self.sku(article))
        self.ask(command, self.model.wish_to_cart(who, article), where)

    @rule(who=WHO, where=WHERE)
    def place(self, who: str, where: int) -> None:
        """At the total that was quoted by the other handler."""
        order_id = self.new_id()
        placing = self.placing(order_id, who)
        agreed = replace(placing, expected_total=self.quoted(placing, 1 - where))
        self.ask(agreed, self.model.place(order_id, who), where)

    @rule(who=WHO, article=ARTICLE, where=WHERE)
    def buy(self, who: str, article: str, where: int) -> None:
        """All the way to a paid order, if there is enough."""
        before = len(self.model.orders)
        self.add_to_cart(who, article, 1, where)
        self.place(who, 1 - where)
        if len(self.model.orders) > before:
            self.pay(0, True, where)
            self.bank_catches_up(0, 1 - where)

    @rule(who=WHO, where=WHERE)
    def put_coupon(self, who: str, where: int) -> None:
        command = SetCartCoupon(self.cart(who), self.run, "EUR", MUCH_LATER, self.customer(who))
        self.ask(command, self.model.put_coupon(who), where)

    @rule(who=WHO, where=WHERE)
    def take_coupon(self, who: str, where: int) -> None:
        self.ask(RemoveCartCoupon(self.cart(who)), self.model.take_coupon(who), where)

    @rule(who=WHO, article=ARTICLE, where=WHERE)
    def order_with_coupon(self, who: str, article: str, where: int) -> None:
        """Two, at an odd number of cents. If there are enough, both come back, one after the other."""
        before = len(self.model.orders)
        self.add_to_cart(who, article, 2, where)
        self.put_coupon(who, where)
        self.place(who, 1 - where)
        if len(self.model.orders) > before:
            self.pay(0, True, where)
            self.bank_catches_up(0, where)
            self.go_on(0, "ship", where)
            for _ in range(2):
                self.take_back(0, article, 1, PLACES[0], (True, False), where)

    @rule(tax=st.sampled_from(["none", "in", "on"]), where=WHERE)
    def tax(self, tax: str, where: int) -> None:
        """What has been ordered stays as it is."""
        self.model.tax = tax
        self.ask(self.taxing(tax), None, where)

    @precondition(lambda self: self.model.orders)
    @rule(which=WHICH, kind=st.sampled_from(["ship", "complete", "cancel"]), where=WHERE)
    def go_on(self, which: int, kind: str, where: int) -> None:
        order_id = self.order(which)
        self.ask(self.going_on(kind, order_id), getattr(self.model, kind)(order_id), where)

    @precondition(lambda self: self.model.orders)
    @rule(which=WHICH, article=ARTICLE, units=UNITS, where=WHERE)
    def ship_some(self, which: int, article: str, units: int, where: int) -> None:
        order_id = self.order(which)
        command = ShipOrder(order_id, units=(Units(self.sku(article), units),))
        self.ask(command, self.model.ship_some(order_id, article, units), where)

    @precondition(lambda self: self.model.orders)
    @rule(which=WHICH, article=ARTICLE, units=st.integers(1, 3), place=PLACE, how=HOW, where=WHERE)
    def take_back(self, which: int, article: str, units: int, place: str, how: tuple[bool, bool], where: int) -> None:
        order_id, (restock, refund) = self.order(which), how
        back = (Back(self.sku(article), units, restock),)
        expected = self.model.take_back(order_id, article, units, place, restock=restock, refund=refund)
        self.ask(ReturnOrder(order_id, ReturnId(self.new_id()), back, "why", place, refund), expected, where)

    @precondition(lambda self: self.done)
    @rule(which=WHICH, where=WHERE)
    def repeat(self, which: int, where: int) -> None:
        """The answer was lost, and the request comes again."""
        command, once = self.done[-1 - which % len(self.done)]
        assert self.runner.run(self.handlers[where](command, once=once)).replayed == b"done"

    @rule(article=ARTICLE, buyers=st.integers(2, 8))
    def many_buy_at_once(self, article: str, buyers: int) -> None:
        """Of N buyers for M units exactly M win."""
        placing = []
        for n in range(buyers):
            who, order_id = self.new_id(), self.new_id()
            self.ask(AddToCart(self.cart(who), self.sku(article), 1), self.model.add_to_cart(who, article, 1), n % 2)
            placing.append((order_id, who))
        units = self.model.available(article)
        outcomes = self.at_once(*[self.placing(order_id, who) for order_id, who in placing])
        for (order_id, who), outcome in zip(placing, outcomes, strict=True):
            if outcome is None:
                assert self.model.place(order_id, who) is None
        self.see_who_got_which([OrderId(order_id) for order_id, _ in placing if order_id in self.model.orders])
        assert outcomes.count(None) == min(buyers, units)
        assert outcomes.count(OutOfStock) == buyers - min(buyers, units)

    def see_who_got_which(self, order_ids: Sequence[OrderId]) -> None:
        """Whoever came first was served from the first place; the model can only say how many were served where."""
        taken = []
        for order_id in order_ids:
            reserved = self.runner.run(self.handlers[0].read(orders(order_id))).reserved
            taken.append(Counter({(self.article(each.sku), each.location): each.quantity for each in reserved}))
        expected = [self.model.orders[order_id].unsent for order_id in order_ids]
        assert sum(taken, Counter()) == sum(expected, Counter())
        for order_id, units in zip(order_ids, taken, strict=True):
            self.model.orders[order_id].unsent = units

    @precondition(lambda self: self.model.some_order("PAID"))
    @rule()
    def ship_and_cancel_at_once(self) -> None:
        order_id = self.model.some_order("PAID")
        kinds = ["ship", "cancel"]
        outcomes = self.at_once(*[self.going_on(kind, order_id) for kind in kinds])
        assert sorted(map(str, outcomes)) == sorted(map(str, [None, InvalidTransition]))
        getattr(self.model, kinds[outcomes.index(None)])(order_id)


@contextmanager
def floor_of(database_url: str, opened: Callable[[str], AbstractAsyncContextManager[Handler]]) -> Iterator[Floor]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def floor() -> Floor:
            handlers = [await stack.enter_async_context(opened(database_url)) for _ in range(2)]
            return Floor(runner, handlers, await stack.enter_async_context(open_store(database_url)))

        yield runner.run(floor())
        runner.run(stack.aclose())
        assert runner.run(flaws(database_url)) == []


@asynccontextmanager
async def without_snapshots(url: str) -> AsyncIterator[Handler]:
    async with open_store(url) as store:
        yield Handler(store)


def test_the_shop_does_what_the_model_says(database_url: str) -> None:
    with floor_of(database_url, without_snapshots) as floor:
        machine = type("ShopOnThisFloor", (ShopMachine,), {"floor": floor})
        run_state_machine_as_test(machine, settings=settings(LIMITS, max_examples=20))


def test_the_shop_does_the_same_from_snapshots(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing stays in memory, every state is kept as soon as it is read or reached, and what follows builds on it."""
    monkeypatch.setattr(snapshots, "REPLAYED_MAX", 0)
    monkeypatch.setattr(snapshots, "KEPT_EVERY", 1)
    monkeypatch.setattr(snapshots, "WRITE_AFTER_S", 0)
    found: list[str] = []

    def decode(codec: StateCodec, stream: str, *fields: Any) -> Known:
        found.append(stream.partition("-")[0])
        return decoded(codec, stream, *fields)

    decoded = StateCodec.decode
    monkeypatch.setattr(StateCodec, "decode", decode)
    with floor_of(database_url, partial(open_handler, cached_streams=0)) as floor:
        machine = type("ShopOnSnapshots", (ShopMachine,), {"floor": floor})
        run_state_machine_as_test(machine, settings=settings(LIMITS, max_examples=10))
    assert {"claim", "product", "stock"} <= set(found)
