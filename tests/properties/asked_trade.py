"""What shoppers, the bank and the warehouse ask of a shop: every command about carts, orders, money and stock."""

from datetime import timedelta

from commands import Command
from commands.cart import AddToCart, MergeCarts, own_cart
from commands.cart_coupon import SetCartCoupon
from commands.checkout import PlaceOrder, RecordSale
from commands.mail import RecordMail
from commands.order_life import CancelOrder, CompleteOrder, LapseOrder, ShipOrder, Units
from commands.paper import IssuePapers
from commands.payment import CapturePayment, LetGo, PayOrder, RefundOrder
from commands.rejections import Rejected
from commands.returning import Back, ReturnOrder
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
from commands.stock import AdjustStock, ReceiveStock, SetThreshold, TransferStock
from commands.wishlist import MoveWishToCart
from events import Event
from events.coupon import CouponKind, CouponTerms
from events.paper import Seller
from events.values import CaptureId, CartId, CategoryId, Line, OrderId, PaymentId, ProductId, RefundId, ReturnId, Sku
from tests.unit.pasts import ANN, CART, HOME, KITCHEN, LARGE, LATER, MUG, NOON, SMALL, TENTH, eur
from tests.unit.shop import Shop

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


def asked(shop: Shop, command: Command) -> list[Event]:
    """What follows; for a refusal nothing."""
    try:
        return shop.when(command)
    except Rejected:
        return []
