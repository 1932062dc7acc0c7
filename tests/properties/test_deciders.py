"""Whatever is asked of a shop, in whatever order: its invariants hold, and asking twice changes nothing."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from commands import DECIDERS
from commands.cart import MAX_QUANTITY, AddToCart, carts
from commands.category import categories
from commands.claim import claims, sku_name
from commands.coupon import coupon_uses, coupons
from commands.money import OPEN
from commands.order import Order, Status, orders
from commands.order_life import ShipOrder
from commands.product import products
from commands.returning import ReturnOrder
from commands.session import RecordRefusal, RecordRegistration
from commands.stock import AdjustStock, ReceiveStock, TransferStock, stocks
from commands.user import RecordPasswordChange
from commands.wishlist import MoveWishToCart
from events.payment import PaymentEvent, RefundFailed, RefundRequested
from events.values import CategoryId, OrderId
from projections import payments
from tests.properties.asked_besides import BESIDES
from tests.properties.asked_trade import CARTS, CATEGORIES, CODES, LOCATIONS, ORDERS, PRODUCTS, SKUS, TRADE, asked
from tests.unit.pasts import ANN, MUG, attic, filled_cart, stocked, tenth_off
from tests.unit.shop import given

SAY_MORE = (
    AddToCart,
    ReceiveStock,
    AdjustStock,
    TransferStock,
    MoveWishToCart,
    ReturnOrder,
    RecordPasswordChange,
    RecordRefusal,
    RecordRegistration,
)
NEXT = {
    Status.NEW: {Status.NEW, Status.PENDING},
    Status.PENDING: {Status.PENDING, Status.PAID, Status.CANCELLED},
    Status.PAID: {Status.PAID, Status.SHIPPED, Status.CANCELLED},
    Status.SHIPPED: {Status.SHIPPED, Status.COMPLETED},
    Status.COMPLETED: {Status.COMPLETED},
    Status.CANCELLED: {Status.CANCELLED},
}


class AnyShop(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.shop = given(*stocked, *attic, *filled_cart, tenth_off)
        self.orders = self.orders_now()

    @rule(command=st.sampled_from(TRADE * 2 + BESIDES))
    def ask(self, command: Any) -> None:
        before, happened = self.orders, asked(self.shop, command)
        self.orders = self.orders_now()
        assert all(self.orders[each].status in NEXT[before[each].status] for each in ORDERS)
        says_more = isinstance(command, SAY_MORE) or (isinstance(command, ShipOrder) and command.units)
        if not says_more:
            assert asked(self.shop, command) == [], f"{command} led to {happened} and again to more"

    @invariant()
    def orders_hold_together(self) -> None:
        """Nothing is paid or sent without money having come."""
        for order in self.orders.values():
            came = sum(sum(each.captured.values()) for each in order.payments.values())
            assert came >= order.total.amount or order.status not in (Status.PAID, Status.SHIPPED, Status.COMPLETED)

    @invariant()
    def money_beyond_what_is_due_is_on_its_way_back(self) -> None:
        """Or that has failed: then it is for people to mend, and shown to them."""
        for order_id, order in self.orders.items():
            going_back = sum(sum(each.refunding.values()) for each in order.payments.values())
            assert order.held - going_back <= order.total.amount + self.failed_to_go_back(order_id)

    @invariant()
    def one_payment_is_open_at_a_time_or_it_is_called_off(self) -> None:
        for order in self.orders.values():
            is_open = [each for each in order.payments.values() if each.step in OPEN and not each.voiding]
            assert len(is_open) <= 1

    @invariant()
    def the_read_side_says_the_same_of_the_money(self) -> None:
        for order_id, order in self.orders.items():
            rows: payments.Payments = ()
            for fact in self.shop.facts(f"order-{order_id}"):
                if isinstance(fact, PaymentEvent):
                    rows = payments.evolve(rows, fact)
            state, captured, refunded = payments.told(order.total.amount, rows)
            assert (state, captured - refunded) == (order.payment, order.held)
            going_back = {each.payment_id: each.refunding_minor for each in rows if each.refunding_minor}
            ways = {payment_id: sum(each.refunding.values()) for payment_id, each in order.payments.items()}
            assert going_back == {payment_id: units for payment_id, units in ways.items() if units}

    @invariant()
    def stock_is_never_less_than_what_is_promised(self) -> None:
        open_orders = [each for each in self.orders.values() if each.status in (Status.PENDING, Status.PAID)]
        for sku in SKUS:
            kept = [self.shop(stocks(sku, location)) for location in LOCATIONS]
            assert all(0 <= stock.reserved <= stock.on_hand for stock in kept)
            assert sum(stock.reserved for stock in kept) == sum(order.unsent(sku) for order in open_orders)

    @invariant()
    def no_more_comes_back_than_was_sent(self) -> None:
        for order in self.orders.values():
            assert all(0 <= order.returnable(sku) <= order.quantities.get(sku, 0) for sku in SKUS)

    @invariant()
    def coupons_are_redeemed_by_orders_that_stand(self) -> None:
        standing = [each for each in self.orders.values() if each.status not in (Status.NEW, Status.CANCELLED)]
        for code in CODES:
            coupon = self.shop(coupons(code))
            assert coupon.redeemed == sum(order.coupon == code for order in standing)
        uses = self.shop(coupon_uses("SPRING", ANN)).orders
        assert uses == {each for each, order in self.orders.items() if order in standing and order.coupon == "SPRING"}
        assert len(uses) <= 1

    @invariant()
    def what_is_low_has_been_said(self) -> None:
        for stock in (self.shop(stocks(sku, location)) for sku in SKUS for location in LOCATIONS):
            assert stock.is_low == (stock.threshold is not None and stock.available <= stock.threshold)

    @invariant()
    def the_tree_of_categories_has_no_cycles(self) -> None:
        for category_id in CATEGORIES:
            at: CategoryId | None = category_id
            for _ in CATEGORIES:
                at = None if at is None else self.shop(categories(at)).parent_id
            assert at is None

    @invariant()
    def one_scheduled_price_runs_at_a_time(self) -> None:
        for variant in self.shop(products(MUG)).variants.values():
            running = [schedule for schedule in variant.schedules.values() if schedule.running]
            assert [variant.prices[each.price.currency] for each in running] == [each.price for each in running[:1]]

    @invariant()
    def names_have_one_owner(self) -> None:
        for sku in SKUS:
            owners = [each for each in PRODUCTS if sku in self.shop(products(each)).variants]
            assert owners == ([self.shop(claims(sku_name(sku))).owner] if owners else [])

    @invariant()
    def cart_lines_hold_something(self) -> None:
        lines = [line for cart in CARTS for line in self.shop(carts(cart)).lines.values()]
        assert all(0 < line.quantity <= MAX_QUANTITY for line in lines)

    def failed_to_go_back(self, order_id: OrderId) -> int:
        facts = self.shop.facts(f"order-{order_id}")
        failed = {(each.payment_id, each.refund_id) for each in facts if isinstance(each, RefundFailed)}
        asked = [each for each in facts if isinstance(each, RefundRequested)]
        return sum(each.amount.amount for each in asked if (each.payment_id, each.refund_id) in failed)

    def orders_now(self) -> dict[OrderId, Order]:
        return {order_id: self.shop(orders(order_id)) for order_id in ORDERS}


def test_the_shop_stays_sound_whatever_is_asked() -> None:
    run_state_machine_as_test(AnyShop, settings=settings(max_examples=60, stateful_step_count=120, deadline=None))


def test_every_kind_of_command_is_asked() -> None:
    assert {type(command) for command in TRADE + BESIDES} == set(DECIDERS)
