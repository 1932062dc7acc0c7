"""Whatever is asked of a shop, in whatever order: its invariants hold, and asking twice changes nothing."""

from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from commands import DECIDERS, Command
from commands.cart import (
    MAX_QUANTITY,
    AddToCart,
    ChangeCartLine,
    ClearCart,
    MergeCarts,
    RemoveFromCart,
    carts,
    own_cart,
)
from commands.catalog_row import PutCatalogRow
from commands.category import (
    CreateCategory,
    DeclareAttributes,
    MoveCategory,
    RemoveCategory,
    RenameCategory,
    categories,
)
from commands.checkout import PlaceOrder, RecordSale
from commands.claim import claims, sku_name
from commands.location import OpenLocation
from commands.operations import SkipFact
from commands.order import (
    CancelOrder,
    CompleteOrder,
    LapseOrder,
    Order,
    PaymentState,
    PayOrder,
    RecordCapture,
    RecordDecline,
    RecordRefund,
    ShipOrder,
    Status,
    orders,
)
from commands.pricing import CancelPriceSchedule, KeepPriceSchedule, SchedulePrice
from commands.product import (
    AddVariant,
    ArchiveProduct,
    ChangePrice,
    ChangeSlug,
    ChangeVariant,
    CreateProduct,
    DescribeProduct,
    PublishProduct,
    UnpublishProduct,
    products,
)
from commands.rejections import Rejected
from commands.stock import AdjustStock, ReceiveStock, SetThreshold, TransferStock, stocks
from commands.user import STAFF, GrantRole, RegisterUser, RevokeRole
from commands.wishlist import AddWish, MoveWishToCart, RemoveWish
from events import Event
from events.values import Attribute, CartId, CategoryId, Line, Money, OrderId, PaymentId, ProductId, Sku, UserId
from tests.unit.pasts import ANN, CART, KITCHEN, LARGE, LATER, MUG, NOON, SMALL, attic, eur, filled_cart, stocked
from tests.unit.shop import Shop, given

ORDERS = [OrderId(f"ord_{n}") for n in range(3)]
SKUS, CARTS = [SMALL, LARGE, Sku("MUG-XL")], [CART, CartId("crt_bob"), own_cart(ANN)]
LOCATIONS = ["main", "attic", "cellar"]
PRODUCTS, CATEGORIES = [MUG, ProductId("prd_jug")], [KITCHEN, CategoryId("cat_hall")]
PAYMENTS = [PaymentId("pay_1"), PaymentId("pay_2")]


def line(sku: Sku, units: int) -> Line:
    return Line(sku, MUG, "Mug", KITCHEN, units, eur(7), eur(7 * units))


TRADE: list[Command] = [
    *(AddToCart(cart, sku, units) for cart in CARTS for sku in SKUS for units in (1, 4)),
    *(PlaceOrder(order, ANN, cart, "EUR", NOON) for order in ORDERS for cart in CARTS),
    *(RecordSale(order, ANN, (line(SMALL, 3), line(sku, 2))) for order in ORDERS for sku in SKUS),
    *(ReceiveStock(sku, units) for sku in SKUS for units in (0, 5)),
    *(AdjustStock(sku, delta, "counted") for sku in SKUS for delta in (-6, 0, 4)),
    *(ReceiveStock(sku, 2, location=location) for sku in SKUS for location in LOCATIONS),
    *(TransferStock(sku, 2, one, other) for sku in SKUS for one in LOCATIONS for other in LOCATIONS),
    *(MergeCarts(cart, ANN) for cart in CARTS),
    *(SetThreshold(sku, units, location) for sku in SKUS for units in (None, 3) for location in LOCATIONS),
    *(MoveWishToCart(ANN, sku) for sku in SKUS),
    *(PayOrder(order, payment, "tok") for order in ORDERS for payment in PAYMENTS),
    *(RecordCapture(order, payment, eur(7), "ref") for order in ORDERS for payment in PAYMENTS),
    *(RecordDecline(order, payment, "no funds") for order in ORDERS for payment in PAYMENTS),
    *(RecordRefund(order, payment, "ref", "why") for order in ORDERS for payment in PAYMENTS),
    *(kind(order) for order in ORDERS for kind in (ShipOrder, ShipOrder, CompleteOrder)),
    *(CancelOrder(order, "why") for order in ORDERS),
    *(LapseOrder(order, now) for order in ORDERS for now in (NOON - timedelta(1), LATER)),
]
REST: list[Command] = [
    *(ChangeCartLine(cart, sku, units) for cart in CARTS for sku in SKUS for units in (-1, 0, 2)),
    *(RemoveFromCart(cart, SMALL) for cart in CARTS),
    *(ClearCart(cart) for cart in CARTS),
    *(OpenLocation(location) for location in LOCATIONS),
    *(kind(ANN, sku) for sku in SKUS for kind in (AddWish, AddWish, RemoveWish)),
    *(CreateCategory(id_, slug, "Name", parent) for id_ in CATEGORIES for slug in "ab" for parent in (None, KITCHEN)),
    *(RenameCategory(id_, "Other name") for id_ in CATEGORIES),
    *(RemoveCategory(id_) for id_ in CATEGORIES),
    *(MoveCategory(id_, parent) for id_ in CATEGORIES for parent in (None, *CATEGORIES)),
    *(DeclareAttributes(id_, declared) for id_ in CATEGORIES for declared in ((), (Attribute("size", "number"),))),
    *(CreateProduct(id_, slug, "Name", KITCHEN) for id_ in PRODUCTS for slug in "ab"),
    *(DescribeProduct(id_, category_id=category_id) for id_ in PRODUCTS for category_id in CATEGORIES),
    *(DescribeProduct(id_, attributes={"size": size}) for id_ in PRODUCTS for size in (4, "four")),
    *(ChangeSlug(id_, slug) for id_ in PRODUCTS for slug in "abc"),
    *(AddVariant(id_, sku, eur(7)) for id_ in PRODUCTS for sku in SKUS),
    *(ChangeVariant(sku, {"size": "new"}) for sku in SKUS),
    *(ChangePrice(sku, Money(9, currency)) for sku in SKUS for currency in ("EUR", "USD")),
    *(kind(id_) for id_ in PRODUCTS for kind in (PublishProduct, PublishProduct, UnpublishProduct, ArchiveProduct)),
    *(SchedulePrice(SMALL, name, eur(5), NOON, end, NOON - timedelta(1)) for name in "ab" for end in (None, LATER)),
    *(KeepPriceSchedule(MUG, SMALL, name, now) for name in "ab" for now in (NOON, LATER)),
    *(
        PutCatalogRow(id_, slug, "Row", None, CATEGORIES[0], status, sku=sku, price=price)
        for id_ in PRODUCTS
        for slug in ("a", None)
        for status in ("active", "draft")
        for sku, price in ((None, None), (SMALL, eur(6)), (SKUS[2], eur(6)))
    ),
    *(CancelPriceSchedule(SMALL, name) for name in "ab"),
    *(RegisterUser(user, "who@example.org") for user in (ANN, UserId("usr_bob"))),
    *(kind(ANN, STAFF) for kind in (GrantRole, RevokeRole)),
    *(SkipFact("sale", key, 7, "a typing error") for key in "ab"),
]
SAY_MORE = (AddToCart, ReceiveStock, AdjustStock, TransferStock, MoveWishToCart)
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
        self.shop = given(*stocked, *attic, *filled_cart)
        self.orders = self.orders_now()

    @rule(command=st.sampled_from(TRADE * 2 + REST))
    def ask(self, command: Any) -> None:
        before, happened = self.orders, asked(self.shop, command)
        self.orders = self.orders_now()
        assert all(self.orders[each].status in NEXT[before[each].status] for each in ORDERS)
        if not isinstance(command, SAY_MORE):
            assert asked(self.shop, command) == [], f"{command} led to {happened} and again to more"

    @invariant()
    def orders_hold_together(self) -> None:
        """Nothing is paid or sent without money having come."""
        for order in self.orders.values():
            has_been_paid = order.payment in (PaymentState.CAPTURED, PaymentState.REFUNDED)
            assert has_been_paid or order.status not in (Status.PAID, Status.SHIPPED, Status.COMPLETED)

    @invariant()
    def stock_is_never_less_than_what_is_promised(self) -> None:
        open_orders = [each for each in self.orders.values() if each.status in (Status.PENDING, Status.PAID)]
        for sku in SKUS:
            kept = [self.shop(stocks(sku, location)) for location in LOCATIONS]
            assert all(0 <= stock.reserved <= stock.on_hand for stock in kept)
            assert sum(stock.reserved for stock in kept) == sum(order.quantities.get(sku, 0) for order in open_orders)

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

    def orders_now(self) -> dict[OrderId, Order]:
        return {order_id: self.shop(orders(order_id)) for order_id in ORDERS}


def asked(shop: Shop, command: Command) -> list[Event]:
    """What follows; for a refusal nothing."""
    try:
        return shop.when(command)
    except Rejected:
        return []


def test_the_shop_stays_sound_whatever_is_asked() -> None:
    run_state_machine_as_test(AnyShop, settings=settings(max_examples=60, stateful_step_count=120, deadline=None))


def test_every_kind_of_command_is_asked() -> None:
    assert {type(command) for command in TRADE + REST} == set(DECIDERS)
