"""Redeeming a coupon: whether it counts for whom, now and for which goods, and giving it back.

A redemption is in the transaction that places the order, so no limit can be raced; it is free again in the one that
cancels the order or lets it lapse.
"""

from collections.abc import Sequence
from datetime import datetime

from commands.category import lineage
from commands.checkout_rejections import CouponRefused
from commands.coupon import coupon_uses, coupons
from commands.decider import Read
from commands.totals import Goods, covered_amount
from events import Event
from events.coupon import (
    CouponEvent,
    CouponRedeemed,
    CouponRegained,
    CouponReturned,
    CouponTerms,
    CouponUsed,
    CouponUseEvent,
)
from events.values import CategoryId, Money, OrderId, UserId, is_guest


def redeemable(code: str, customer_id: UserId | None, now: datetime | None, read: Read) -> CouponTerms:
    """What the coupon gives this customer now; None is a guest. Without `now` no window is open. Raises CouponRefused.

    What has to be known of the goods is judged by `fits`."""
    coupon = read(coupons(code))
    terms = coupon.terms
    if terms is None or coupon.withdrawn:
        raise CouponRefused("unknown", code)
    if terms.starts_at is not None and (now is None or now < terms.starts_at):
        raise CouponRefused("not_yet", code, starts_at=terms.starts_at)
    if terms.ends_at is not None and (now is None or now >= terms.ends_at):
        raise CouponRefused("expired", code, ends_at=terms.ends_at)
    if terms.limit is not None and coupon.redeemed >= terms.limit:
        raise CouponRefused("used_up", code, limit=terms.limit)
    if terms.limit_per_customer is not None:
        if customer_id is None or is_guest(customer_id):
            raise CouponRefused("sign_in", code)
        if len(read(coupon_uses(code, customer_id)).orders) >= terms.limit_per_customer:
            raise CouponRefused("used", code, limit=terms.limit_per_customer)
    return terms


def covers(terms: CouponTerms, category_id: CategoryId, read: Read) -> bool:
    """Whether it is for goods of this category."""
    wanted = terms.category_id
    return wanted is None or any(each == wanted for each, _ in lineage(category_id, read))


def fits(code: str, terms: CouponTerms, goods: Sequence[Goods]) -> None:
    """Whether goods marked as covered are enough for it. Raises CouponRefused."""
    currency = goods[0].line.total.currency
    if not any(each.covered for each in goods):
        raise CouponRefused("goods", code, category_id=terms.category_id)
    for amounts in (terms.amounts, terms.minimum):
        if amounts and all(each.currency != currency for each in amounts):
            raise CouponRefused("currency", code, currencies=[each.currency for each in amounts])
    least = next((each for each in terms.minimum if each.currency == currency), Money(0, currency))
    if (there := covered_amount(goods)) < least.amount:
        missing = Money(least.amount - there, currency)
        raise CouponRefused("minimum", code, minimum=least.as_dict(), missing=missing.as_dict())


def redeemed(
    code: str, terms: CouponTerms, order_id: OrderId, customer_id: UserId, discount: Money
) -> Sequence[CouponEvent | CouponUseEvent]:
    used = [CouponUsed(code, customer_id, order_id)] if terms.limit_per_customer is not None else []
    return [CouponRedeemed(code, order_id, customer_id, discount), *used]


def returned(code: str | None, order_id: OrderId, customer_id: UserId, read: Read) -> Sequence[Event]:
    """What an order that comes to nothing gives back; nothing, if it was placed without a coupon."""
    if code is None:
        return []
    read(coupons(code))
    counts = order_id in read(coupon_uses(code, customer_id)).orders
    regained = [CouponRegained(code, customer_id, order_id)] if counts else []
    return [CouponReturned(code, order_id, customer_id), *regained]
