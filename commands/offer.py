"""What a cart costs whoever asks, here and now: a quote shows it, and an order is placed at it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from commands.cart import Cart, carts, on_sale
from commands.checkout_rejections import CouponNotApplicable, CouponRefused
from commands.decider import Read
from commands.product import products
from commands.redeeming import covers, fits, redeemable
from commands.rejections import CartIsEmpty, NotForSale
from commands.shipping import chosen, methods_to, price_of
from commands.tax import taxes_in
from commands.totals import Goods, Totals, totals
from events.coupon import CouponTerms
from events.shipping import ShippingMethod
from events.values import CartId, Line, Money, UserId


@dataclass(frozen=True, slots=True)
class Wanted:
    """A cart, and how the shopper wants to have it. A `coupon` counts instead of the cart's.

    `country` is where it goes; None for a guest is the `customer_id`. `now` judges the window of the coupon."""

    cart_id: CartId
    currency: str
    customer_id: UserId | None = None
    country: str | None = None
    shipping_method: str | None = None
    coupon: str | None = None
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """The totals, and what they rest on. `methods` are all there are for it, each with its price before coupons."""

    totals: Totals
    coupon: str | None
    terms: CouponTerms | None
    methods: tuple[tuple[ShippingMethod, Money], ...]


def offer(wanted: Wanted, read: Read) -> Offer:
    """Raises CartIsEmpty, NotForSale, CouponNotApplicable, or what where it goes is refused for."""
    cart = read(carts(wanted.cart_id))
    if not cart.lines:
        raise CartIsEmpty
    goods = priced(cart, wanted.currency, read)
    code, terms = wanted.coupon or cart.coupon, None
    if code is not None:
        try:
            terms, goods = applied(code, goods, wanted.customer_id, wanted.now, read)
        except CouponRefused as refused:
            raise CouponNotApplicable(refused) from None
    methods = methods_to(wanted.country, wanted.currency, read)
    method = None if methods is None else chosen(wanted.shipping_method, wanted.country, methods)
    result = totals(goods, terms, method, taxes_in(wanted.country, read))
    for_goods = Money(sum(line.total.amount for line in result.lines), wanted.currency)
    prices = tuple((each, price) for each in methods or () if (price := price_of(each, for_goods)) is not None)
    return Offer(result, code, terms, prices)


def priced(cart: Cart, currency: str, read: Read) -> list[Goods]:
    """Its lines at today's prices. Raises NotForSale."""
    catalog = read.all([products(line.product_id) for line in cart.lines.values()])
    goods = []
    for (sku, held), product in zip(cart.lines.items(), catalog, strict=True):
        on_sale(sku, product)
        variant = product.variants[sku]
        price = variant.prices.get(currency)
        if price is None:
            raise NotForSale(sku, f"it has no price in {currency}")
        total = price * held.quantity
        line = Line(sku, held.product_id, product.name, product.category_id, held.quantity, price, total)
        goods.append(Goods(line, variant.tax_class))
    return goods


def applied(
    code: str, goods: Sequence[Goods], customer_id: UserId | None, now: datetime | None, read: Read
) -> tuple[CouponTerms, list[Goods]]:
    """The terms of the coupon, and the goods with a mark on those it is for. Raises CouponRefused."""
    terms = redeemable(code, customer_id, now, read)
    marked = [replace(each, covered=covers(terms, each.line.category_id, read)) for each in goods]
    if marked:  # an empty cart may have a coupon already
        fits(code, terms, marked)
    return terms, marked
