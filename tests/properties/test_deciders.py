"""Whatever is asked of a shop, in whatever order: its invariants hold, and asking twice changes nothing."""

from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from commands import DECIDERS, Command
from commands.address_book import AddAddress, ChangeAddress, RemoveAddress
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
from commands.cart_coupon import RemoveCartCoupon, SetCartCoupon
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
from commands.coupon import ChangeCoupon, CreateCoupon, WithdrawCoupon, coupon_uses, coupons
from commands.location import BeginClosing, EndClosing, OpenLocation
from commands.mail import RecordMail
from commands.money import OPEN
from commands.operations import SkipFact
from commands.order import Order, Status, orders
from commands.order_life import CancelOrder, CompleteOrder, LapseOrder, ShipOrder, Units
from commands.paper import HandOut, IssuePapers
from commands.payment import CapturePayment, LetGo, PayOrder, RefundOrder
from commands.pricing import CancelPriceSchedule, KeepPriceSchedule, SchedulePrice
from commands.privacy import ForgetSubject
from commands.product import (
    ArchiveProduct,
    ChangeSlug,
    CreateProduct,
    DescribeProduct,
    PublishProduct,
    UnpublishProduct,
    products,
)
from commands.rejections import Rejected
from commands.returning import Back, ReturnOrder
from commands.session import EndSession, RecordRefusal, RecordReuse, RecordSignIn
from commands.settlement import (
    RecordActionRequired,
    RecordAuthorization,
    RecordCapture,
    RecordCaptureFailure,
    RecordDecline,
    RecordRefund,
    RecordRefundFailure,
    RecordVoid,
)
from commands.shipping import RemoveShippingZone, SetShippingZone
from commands.stock import AdjustStock, ReceiveStock, SetThreshold, TransferStock, stocks
from commands.tax import RemoveTaxes, SetTaxes
from commands.user import (
    STAFF,
    ChangeEmail,
    GrantRole,
    RecordPasswordChange,
    RegisterUser,
    ReinstateUser,
    RenameUser,
    RevokeRole,
    SuspendUser,
    VerifyEmail,
)
from commands.variant import AddVariant, ChangePrice, ChangeVariant
from commands.wishlist import AddWish, MoveWishToCart, RemoveWish
from events import Event
from events.coupon import CouponKind, CouponTerms
from events.paper import Seller
from events.payment import PaymentEvent, RefundFailed, RefundRequested
from events.values import (
    Attribute,
    CaptureId,
    CartId,
    CategoryId,
    Line,
    Money,
    OrderId,
    PaymentId,
    ProductId,
    RefundId,
    ReturnId,
    Sku,
    UserId,
)
from projections import payments
from tests.unit.pasts import (
    ANN,
    CART,
    HOME,
    KITCHEN,
    LARGE,
    LATER,
    MUG,
    NOON,
    SMALL,
    STANDARD,
    TENTH,
    attic,
    eur,
    filled_cart,
    stocked,
    tenth_off,
    vat,
)
from tests.unit.shop import Shop, given

ORDERS = [OrderId(f"ord_{n}") for n in range(3)]
SKUS, CARTS = [SMALL, LARGE, Sku("MUG-XL")], [CART, CartId("crt_bob"), own_cart(ANN)]
LOCATIONS = ["main", "attic", "cellar"]
PRODUCTS, CATEGORIES = [MUG, ProductId("prd_jug")], [KITCHEN, CategoryId("cat_hall")]
CODES = {
    "SPRING": TENTH,
    "FIVE": CouponTerms(CouponKind.FIXED, amounts=(eur(500),), category_id=KITCHEN, minimum=(eur(900),)),
}
PAYMENTS = [PaymentId("pay_1"), PaymentId("pay_2")]
CAPTURES, REFUNDS = [CaptureId("cap_1"), CaptureId("cap_2")], [RefundId("ref_1"), RefundId("ref_2")]


def line(sku: Sku, units: int) -> Line:
    return Line(sku, MUG, "Mug", KITCHEN, units, eur(7), eur(7 * units))


TRADE: list[Command] = [
    *(AddToCart(cart, sku, units) for cart in CARTS for sku in SKUS for units in (1, 4)),
    *(PlaceOrder(order, ANN, cart, "EUR", NOON) for order in ORDERS for cart in CARTS),
    *(
        PlaceOrder(order, ANN, CART, "EUR", NOON, ship_to=HOME, coupon=code, now=NOON)
        for order in ORDERS
        for code in CODES
    ),
    *(SetCartCoupon(cart, code, "EUR", NOON, ANN) for cart in CARTS for code in CODES),
    *(RecordSale(order, ANN, (line(SMALL, 3), line(sku, 2))) for order in ORDERS for sku in SKUS),
    *(ReceiveStock(sku, units) for sku in SKUS for units in (0, 5)),
    *(AdjustStock(sku, delta, "counted") for sku in SKUS for delta in (-6, 0, 4)),
    *(ReceiveStock(sku, 2, location=location) for sku in SKUS for location in LOCATIONS),
    *(TransferStock(sku, 2, one, other) for sku in SKUS for one in LOCATIONS for other in LOCATIONS),
    *(MergeCarts(cart, ANN) for cart in CARTS),
    *(SetThreshold(sku, units, location) for sku in SKUS for units in (None, 3) for location in LOCATIONS),
    *(MoveWishToCart(ANN, sku) for sku in SKUS),
    *(PayOrder(order, payment, "tok") for order in ORDERS for payment in PAYMENTS),
    *(PayOrder(order, payment, "tok", capture=False) for order in ORDERS for payment in PAYMENTS),
    *(RecordCapture(order, payment, eur(n), "ref") for order in ORDERS for payment in PAYMENTS for n in (7, 10_000)),
    *(RecordAuthorization(order, payment, eur(9_000), "r", LATER) for order in ORDERS for payment in PAYMENTS),
    *(RecordActionRequired(order, payment, "https://3ds") for order in ORDERS for payment in PAYMENTS),
    *(RecordVoid(order, payment) for order in ORDERS for payment in PAYMENTS),
    *(CapturePayment(order, id_, amount) for order in ORDERS for id_ in CAPTURES for amount in (None, eur(5_000))),
    *(RecordCapture(order, PAYMENTS[0], eur(5_000), "ref", id_) for order in ORDERS for id_ in CAPTURES),
    *(RecordCaptureFailure(order, PAYMENTS[0], id_, "no") for order in ORDERS for id_ in CAPTURES),
    *(RefundOrder(order, id_, "why", amount) for order in ORDERS for id_ in REFUNDS for amount in (None, eur(4))),
    *(
        RecordRefund(order, id_, "r", "why", refund, eur(4))
        for order in ORDERS
        for id_ in PAYMENTS
        for refund in REFUNDS
    ),
    *(RecordRefundFailure(order, id_, refund, "no") for order in ORDERS for id_ in PAYMENTS for refund in REFUNDS),
    *(LetGo(order, "why") for order in ORDERS),
    *(RecordDecline(order, payment, "no funds") for order in ORDERS for payment in PAYMENTS),
    *(RecordRefund(order, payment, "ref", "why") for order in ORDERS for payment in PAYMENTS),
    *(RecordMail(order, "letter", "order_placed", "ann@example.org") for order in ORDERS),
    *(IssuePapers(order, at, Seller("A shop")) for order in ORDERS for at in (NOON, NOON + timedelta(400))),
    *(kind(order) for order in ORDERS for kind in (ShipOrder, ShipOrder, CompleteOrder)),
    *(ShipOrder(order, units=(Units(sku, 1),)) for order in ORDERS for sku in SKUS),
    *(
        ReturnOrder(order, ReturnId("ret_1"), (Back(SMALL, 1, True), Back(sku, 1, False)), "why", location)
        for order in ORDERS
        for sku in SKUS
        for location in LOCATIONS
    ),
    *(CancelOrder(order, "why") for order in ORDERS),
    *(LapseOrder(order, now) for order in ORDERS for now in (NOON - timedelta(1), LATER)),
]
REST: list[Command] = [
    *(ChangeCartLine(cart, sku, units) for cart in CARTS for sku in SKUS for units in (-1, 0, 2)),
    *(RemoveFromCart(cart, SMALL) for cart in CARTS),
    *(ClearCart(cart) for cart in CARTS),
    *(RemoveCartCoupon(cart) for cart in CARTS),
    *(CreateCoupon(code, terms) for code, terms in CODES.items()),
    *(ChangeCoupon("SPRING", {"limit": limit}) for limit in (0, 1, None)),
    *(WithdrawCoupon(code) for code in CODES),
    *(SetTaxes("DE", contained, vat.rates) for contained in (True, False)),
    RemoveTaxes("DE"),
    *(SetShippingZone(zone, "Zone", ("DE",), (STANDARD,)) for zone in "ab"),
    *(RemoveShippingZone(zone) for zone in "ab"),
    *(kind(location) for location in LOCATIONS for kind in (OpenLocation, BeginClosing)),
    *(EndClosing(location, units) for location in LOCATIONS for units in (0, 1)),
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
    *(RenameUser(ANN, name) for name in ("Ann", "Anne")),
    *(kind(ANN, address) for kind in (ChangeEmail, VerifyEmail) for address in ("a@example.org", "b@example.org")),
    SuspendUser(ANN, "a chargeback"),
    ReinstateUser(ANN),
    RecordPasswordChange(ANN, "changed"),
    *(kind(ANN, id_, HOME) for kind in (AddAddress, ChangeAddress) for id_ in ("adr_1", "adr_2")),
    *(RemoveAddress(ANN, id_) for id_ in ("adr_1", "adr_2")),
    *(RecordSignIn(id_, ANN) for id_ in ("ses_1", "ses_2")),
    *(RecordReuse(id_, ANN) for id_ in ("ses_1", "ses_2")),
    *(EndSession(id_, ANN, "logged_out") for id_ in ("ses_1", "ses_2")),
    RecordRefusal(ANN),
    ForgetSubject(UserId("usr_bob"), "asked"),
    *(kind(ANN, STAFF) for kind in (GrantRole, RevokeRole)),
    *(RecordMail(order, mail, "order_paid", "ann@example.org") for order in ORDERS for mail in "ab"),
    *(HandOut(number) for number in ("INV-2026-000001", "CN-2026-000001")),
    *(SkipFact("sale", key, 7, "a typing error") for key in "ab"),
]
SAY_MORE = (
    AddToCart,
    ReceiveStock,
    AdjustStock,
    TransferStock,
    MoveWishToCart,
    ReturnOrder,
    RecordPasswordChange,
    RecordRefusal,
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

    @rule(command=st.sampled_from(TRADE * 2 + REST))
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
