"""What can happen to a coupon, and to what each customer may still use of it. Codes are written in capitals."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from events.values import CategoryId, Money, OrderId, UserId


class CouponKind(StrEnum):
    PERCENT = "percent"
    FIXED = "fixed"
    FREE_SHIPPING = "free_shipping"


@dataclass(frozen=True, slots=True)
class CouponTerms:
    """What a coupon gives, and when it counts.

    `percent_bp` is in hundredths of a percent, `amounts` are one per currency, as `minimum` is: what the goods it
    applies to must come to. Those are all, or the ones of a category and of all below it. The window begins with
    `starts_at` and ends before `ends_at`; None is no bound, and no limit.
    """

    kind: CouponKind
    percent_bp: int = 0
    amounts: tuple[Money, ...] = ()
    category_id: CategoryId | None = None
    minimum: tuple[Money, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    limit: int | None = None
    limit_per_customer: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class CouponCreated:
    code: str
    terms: CouponTerms


@dataclass(frozen=True, slots=True)
class CouponChanged:
    code: str
    terms: CouponTerms


@dataclass(frozen=True, slots=True)
class CouponWithdrawn:
    """It counts no more. Orders that were placed with it keep their prices."""

    code: str


@dataclass(frozen=True, slots=True)
class CouponRedeemed:
    code: str
    order_id: OrderId
    customer_id: UserId
    discount: Money


@dataclass(frozen=True, slots=True)
class CouponReturned:
    """The order came to nothing, and its redemption is free again."""

    code: str
    order_id: OrderId
    customer_id: UserId


CouponEvent = CouponCreated | CouponChanged | CouponWithdrawn | CouponRedeemed | CouponReturned


@dataclass(frozen=True, slots=True)
class CouponUsed:
    """Counts for a coupon with a limit per customer, in a stream per code and customer."""

    code: str
    customer_id: UserId
    order_id: OrderId


@dataclass(frozen=True, slots=True)
class CouponRegained:
    """The order came to nothing."""

    code: str
    customer_id: UserId
    order_id: OrderId


CouponUseEvent = CouponUsed | CouponRegained
