"""What the customer would like to have, at today's prices."""

from typing import Annotated

from fastapi import Query

from api.fields import Currency
from api.queries.routing import query_router, shown
from api.reading import Read
from api.security import SignedIn
from queries import wishlist
from queries.wishlist import Wishlist

router = query_router("/v1/wishlist", "wishlist")

_WISH = {
    "sku": "MUG-S",
    "product_id": "prd_01h455vb4pex5vsknk084sn02q",
    "name": "Mug",
    "slug": "mug",
    "unit_price": {"amount": 1799, "currency": "USD"},
    "unit_price_then": {"amount": 1999, "currency": "USD"},
    "available": 10,
    "availability": "available",
    "added_at": "2026-05-01T12:00:00Z",
    "changes": ["price_fell"],
}


@router.get("", responses=shown({"data": [_WISH], "updated_at": "2026-05-01T12:00:00Z", "version": 1}))
async def get_wishlist(
    read: Read,
    customer: SignedIn,
    currency: Annotated[Currency | None, Query(description="By default the shop's.")] = None,
) -> Wishlist:
    """Your wishlist, the newest wish first. It is never longer than its limit, so it comes whole."""
    await read.seen("wishlist", "product", "stock_level")
    found = await wishlist.wishlist(read.shop.pool, customer.user_id, currency or read.shop.settings.currency)
    if found.version:
        read.tagged(found.version)
    return found
