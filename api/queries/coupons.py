"""Coupons, and how often they have been redeemed."""

from typing import Annotated

from fastapi import Query

from api.fields import CouponPath
from api.paging import Listed, Page
from api.queries.routing import page_of, query_router, shown
from api.reading import Read
from api.security import Staff
from commands.rejections import NotFound
from queries import coupon as found
from queries.coupon import COUPONS, Coupon

router = query_router("/v1/coupons", "checkout")

_COUPON = {
    "code": "SPRING",
    "kind": "percent",
    "percent_bp": 1_000,
    "amounts": [],
    "category_id": None,
    "minimum": [{"amount": 2_000, "currency": "USD"}],
    "starts_at": None,
    "ends_at": "2026-06-01T00:00:00Z",
    "limit": 500,
    "limit_per_customer": 1,
    "note": "newsletter",
    "withdrawn": False,
    "redeemed": 42,
    "created_at": "2026-05-01T12:00:00Z",
    "updated_at": "2026-05-01T12:00:00Z",
    "version": 43,
}


@router.get("", responses=shown(page_of(_COUPON)))
async def list_coupons(
    read: Read,
    page: Listed,
    staff: Staff,
    withdrawn: Annotated[bool | None, Query(alias="filter[withdrawn]")] = None,
) -> Page[Coupon]:
    """All coupons by code, with how often each has been redeemed."""
    await read.seen("coupon")
    return await page(COUPONS, {"withdrawn": withdrawn}, found.from_row)


@router.get("/{code}", responses=shown(_COUPON))
async def get_coupon(code: CouponPath, read: Read, staff: Staff) -> Coupon:
    await read.seen("coupon")
    coupon = await found.coupon(read.shop.pool, code)
    if coupon is None:
        raise NotFound("coupon", code)
    read.tagged(coupon.version)
    return coupon
