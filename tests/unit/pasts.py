"""The small shop that stories begin in: one category, one mug in two sizes on sale, ten of each in stock."""

from datetime import UTC, datetime

from events import Event
from events.cart import CartCheckedOut, CartLineAdded, CartOpened
from events.category import CategoryCreated
from events.claim import NameClaimed
from events.coupon import CouponCreated, CouponKind, CouponTerms
from events.location import LocationOpened
from events.order import OrderCancelled, OrderCompleted, OrderPaid, OrderPlaced, OrderShipped
from events.payment import PaymentAuthorized, PaymentCaptured, PaymentDeclined, PaymentRequested
from events.product import PriceScheduled, ProductCreated, ProductPublished, VariantAdded
from events.shipping import ShippingMethod, ShippingZoneSet
from events.stock import StockReceived, StockReserved
from events.tax import TaxesSet, TaxRate
from events.user import UserRegistered
from events.values import (
    Address,
    Attribute,
    CartId,
    CategoryId,
    Line,
    Money,
    OrderId,
    PaymentId,
    ProductId,
    ReturnId,
    Sku,
    UserId,
)

KITCHEN, MUG, SMALL, LARGE = CategoryId("cat_kitchen"), ProductId("prd_mug"), Sku("MUG-S"), Sku("MUG-L")
CUPS = CategoryId("cat_cups")
ANN, CART, ORDER, PAYMENT, SECOND_PAYMENT = (
    UserId("usr_ann"),
    CartId("crt_ann"),
    OrderId("ord_1"),
    PaymentId("pay_1"),
    PaymentId("pay_2"),
)
RETURN = ReturnId("ret_1")
NOON, LATER = datetime(2026, 5, 1, 12, tzinfo=UTC), datetime(2026, 5, 1, 13, tzinfo=UTC)


def eur(amount: int) -> Money:
    return Money(amount, "EUR")


kitchen: tuple[Event, ...] = (
    NameClaimed("category-slug:kitchen", KITCHEN),
    CategoryCreated(KITCHEN, "kitchen", "Kitchen"),
)
cups_category = CategoryCreated(CUPS, "cups", "Cups", KITCHEN)
COLOR = Attribute("color", "enum", ("red", "blue"))
draft: tuple[Event, ...] = (
    *kitchen,
    NameClaimed("product-slug:mug", MUG),
    ProductCreated(MUG, "mug", "Mug", KITCHEN, "Holds tea.", {"dishwasher": True}),
)
variants: tuple[Event, ...] = (
    NameClaimed("sku:MUG-S", MUG),
    VariantAdded(MUG, SMALL, eur(700), {"size": "S"}),
    NameClaimed("sku:MUG-L", MUG),
    VariantAdded(MUG, LARGE, eur(900), {"size": "L"}),
)
catalog: tuple[Event, ...] = (*draft, *variants, ProductPublished(MUG))
scheduled = PriceScheduled(MUG, SMALL, "psc_1", eur(500), NOON, LATER)
stocked: tuple[Event, ...] = (*catalog, StockReceived(SMALL, 10), StockReceived(LARGE, 10))
attic: tuple[Event, ...] = (LocationOpened("attic"), StockReceived(SMALL, 5, location="attic"))
registered = UserRegistered(ANN, "ann@example.org", "Ann")

filled_cart: tuple[Event, ...] = (
    CartOpened(CART, ANN),
    CartLineAdded(CART, SMALL, MUG, 2),
    CartLineAdded(CART, LARGE, MUG, 1),
)
GUEST = CartId("cart_guest")
guests_cart: tuple[Event, ...] = (CartOpened(GUEST), CartLineAdded(GUEST, SMALL, MUG, 3, (eur(650),)))
LINES = (
    Line(SMALL, MUG, "Mug", KITCHEN, 2, eur(700), eur(1400)),
    Line(LARGE, MUG, "Mug", KITCHEN, 1, eur(900), eur(900)),
)
TOTAL = eur(2300)
placed: tuple[Event, ...] = (
    OrderPlaced(ORDER, ANN, LINES, TOTAL, CART, NOON),
    StockReserved(LARGE, ORDER, 1, NOON),
    StockReserved(SMALL, ORDER, 2, NOON),
    CartCheckedOut(CART, ORDER),
)
HOME = Address("Ann", "Main St 1", "Berlin", "10115", "DE")
STANDARD = ShippingMethod("standard", "Standard", (eur(490),), (eur(5_000),))
EXPRESS = ShippingMethod("express", "Express", (eur(1_290), Money(1_490, "USD")))
vat = TaxesSet("DE", True, (TaxRate("standard", 190_000), TaxRate("reduced", 70_000)))
germany = ShippingZoneSet("de", "Germany", ("DE",), (STANDARD, EXPRESS))
TENTH = CouponTerms(CouponKind.PERCENT, 1_000, limit=2, limit_per_customer=1)
tenth_off = CouponCreated("SPRING", TENTH)
requested = PaymentRequested(ORDER, PAYMENT, TOTAL, "tok_ok")
captured = PaymentCaptured(ORDER, PAYMENT, TOTAL, "ref_1")
declined = PaymentDeclined(ORDER, PAYMENT, "no funds")
paid: tuple[Event, ...] = (requested, captured, OrderPaid(ORDER, PAYMENT, TOTAL))
held = PaymentRequested(ORDER, PAYMENT, TOTAL, "tok_ok", capture=False)
authorized = PaymentAuthorized(ORDER, PAYMENT, TOTAL, "ref_1", LATER)
shipped = OrderShipped(ORDER, "DHL", "123")
completed = OrderCompleted(ORDER)
cancelled = OrderCancelled(ORDER, "changed my mind")
