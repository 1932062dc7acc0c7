"""Keeping coupons: what they give, when they count, and how often they were and may be redeemed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never

from commands.category import existing_category
from commands.checkout_rejections import CouponTermsRefused
from commands.decider import Fold, Read
from commands.rejections import NameTaken, NotFound
from commands.totals import BASIS_POINTS
from events.coupon import (
    CouponChanged,
    CouponCreated,
    CouponEvent,
    CouponKind,
    CouponRedeemed,
    CouponRegained,
    CouponReturned,
    CouponTerms,
    CouponUsed,
    CouponUseEvent,
    CouponWithdrawn,
)
from events.values import Money, OrderId

MAX_PER_CUSTOMER = 1_000
"""Which orders a customer has used a coupon for is kept, as long as the coupon limits that."""


@dataclass(frozen=True, slots=True)
class CreateCoupon:
    code: str
    terms: CouponTerms


@dataclass(frozen=True, slots=True)
class ChangeCoupon:
    """`changes` are fields of the terms, with what they are from now on. What kind of coupon it is stays."""

    code: str
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WithdrawCoupon:
    code: str


CouponCommand = CreateCoupon | ChangeCoupon | WithdrawCoupon


@dataclass(frozen=True, slots=True)
class Coupon:
    terms: CouponTerms | None = None
    withdrawn: bool = False
    redeemed: int = 0


@dataclass(frozen=True, slots=True)
class CouponUses:
    """The orders that one customer has used a coupon for, as far as they count."""

    orders: frozenset[OrderId] = frozenset()


def evolve(coupon: Coupon, event: CouponEvent) -> Coupon:
    match event:
        case CouponCreated(_, terms) | CouponChanged(_, terms):
            return replace(coupon, terms=terms)
        case CouponWithdrawn():
            return replace(coupon, withdrawn=True)
        case CouponRedeemed():
            return replace(coupon, redeemed=coupon.redeemed + 1)
        case CouponReturned():
            return replace(coupon, redeemed=coupon.redeemed - 1)
        case _:
            assert_never(event)


def evolve_uses(uses: CouponUses, event: CouponUseEvent) -> CouponUses:
    match event:
        case CouponUsed(order_id=order_id):
            return CouponUses(uses.orders | {order_id})
        case CouponRegained(order_id=order_id):
            return CouponUses(uses.orders - {order_id})
        case _:
            assert_never(event)


coupons = Fold("coupon", Coupon(), evolve)
coupon_uses = Fold("couponuse", CouponUses(), evolve_uses)


def decide(command: CouponCommand, read: Read) -> Sequence[CouponEvent]:
    coupon = read(coupons(command.code))
    match command:
        case CreateCoupon(code, terms):
            if coupon.terms == terms and not coupon.withdrawn:
                return []
            if coupon.terms is not None:
                raise NameTaken(f"coupon:{code}")
            _check(terms, read)
            return [CouponCreated(code, terms)]
        case _ if coupon.terms is None:
            raise NotFound("coupon", command.code)
        case WithdrawCoupon(code):
            return [] if coupon.withdrawn else [CouponWithdrawn(code)]
        case ChangeCoupon(code, changes):
            if coupon.withdrawn:
                raise NotFound("coupon", code)
            terms = replace(coupon.terms, **changes)
            _check(terms, read)
            return [CouponChanged(code, terms)] if terms != coupon.terms else []
        case _:
            assert_never(command)


def _check(terms: CouponTerms, read: Read) -> None:
    """Raises CouponTermsRefused or NotFound."""
    starts_at, ends_at = terms.starts_at, terms.ends_at
    percent, amounts = terms.kind is CouponKind.PERCENT, terms.kind is CouponKind.FIXED
    limits = [each for each in (terms.limit, terms.limit_per_customer) if each is not None]
    for holds, why in (
        (1 <= terms.percent_bp <= BASIS_POINTS if percent else not terms.percent_bp, "percent_bp goes with percent"),
        (bool(terms.amounts) == amounts, "amounts go with fixed"),
        (_once_each(terms.amounts) and _once_each(terms.minimum), "there is one amount per currency"),
        (all(each.amount > 0 for each in terms.amounts), "an amount is more than nothing"),
        (starts_at is None or ends_at is None or starts_at < ends_at, "it ends after it starts"),
        (all(each >= 1 for each in limits), "a limit is at least 1"),
        ((terms.limit_per_customer or 1) <= MAX_PER_CUSTOMER, f"a customer's limit is at most {MAX_PER_CUSTOMER}"),
    ):
        if not holds:
            raise CouponTermsRefused(why)
    if terms.category_id is not None:
        existing_category(terms.category_id, read)


def _once_each(amounts: Sequence[Money]) -> bool:
    return len({each.currency for each in amounts}) == len(amounts)
