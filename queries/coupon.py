"""Coupons as staff see them: what they give, when they count, and how often they have been redeemed."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from queries.rows import Listing, Money, Rows

_COLUMNS = "code, terms::text, withdrawn, redeemed, created_at, updated_at, version"
COUPON = f"SELECT {_COLUMNS} FROM coupon WHERE code = $1"
COUPONS = Listing(_COLUMNS, "coupon", {"code": "text"}, filters={"withdrawn": "withdrawn = {}"})


@dataclass(frozen=True, slots=True)
class Coupon:
    """`redeemed` counts orders that have not come to nothing; `limit` is how many there may be."""

    code: str
    kind: str
    percent_bp: int
    amounts: list[Money]
    category_id: str | None
    minimum: list[Money]
    starts_at: datetime | None
    ends_at: datetime | None
    limit: int | None
    limit_per_customer: int | None
    note: str
    withdrawn: bool
    redeemed: int
    created_at: datetime
    updated_at: datetime
    version: int


async def coupon(rows: Rows, code: str) -> Coupon | None:
    row = await rows.fetchrow(COUPON, code)
    return None if row is None else from_row(row)


def from_row(row: Any) -> Coupon:
    code, terms, *rest = row
    given = json.loads(terms)
    for amounts in ("amounts", "minimum"):
        given[amounts] = [Money(**each) for each in given[amounts]]
    for moment in ("starts_at", "ends_at"):
        given[moment] = given[moment] and datetime.fromisoformat(given[moment])
    withdrawn, redeemed, created_at, updated_at, version = rest
    return Coupon(
        code,
        **given,
        withdrawn=withdrawn,
        redeemed=redeemed,
        created_at=created_at,
        updated_at=updated_at,
        version=version,
    )
