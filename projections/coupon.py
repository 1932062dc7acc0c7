"""Coupons and how often they have been redeemed."""

from datetime import datetime
from typing import NamedTuple, assert_never, get_args

from events.coupon import (
    CouponChanged,
    CouponCreated,
    CouponEvent,
    CouponRedeemed,
    CouponReturned,
    CouponTerms,
    CouponWithdrawn,
)
from events.store import Fact
from projections.projection import Key, Projection


class CouponRow(NamedTuple):
    code: str
    terms: CouponTerms
    withdrawn: bool
    redeemed: int
    created_at: datetime
    updated_at: datetime
    version: int


def evolve(row: CouponRow | None, fact: Fact[CouponEvent], key: Key) -> CouponRow | None:
    event = fact.event
    if isinstance(event, CouponCreated):
        return CouponRow(event.code, event.terms, False, 0, fact.occurred_at, fact.occurred_at, fact.version)
    if row is None:
        return None
    row = row._replace(updated_at=fact.occurred_at, version=fact.version)
    match event:
        case CouponChanged(_, terms):
            return row._replace(terms=terms)
        case CouponWithdrawn():
            return row._replace(withdrawn=True)
        case CouponRedeemed():
            return row._replace(redeemed=row.redeemed + 1)
        case CouponReturned():
            return row._replace(redeemed=row.redeemed - 1)
        case _:
            assert_never(event)


coupon = Projection("coupon", CouponRow, ("code",), get_args(CouponEvent), lambda event: [(event.code,)], evolve)
