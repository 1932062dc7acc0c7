"""What lies in the cart of whoever asks, at today's prices."""

from dataclasses import replace
from typing import Annotated

from fastapi import Query

from api.carts import Cart
from api.fields import Currency
from api.queries.routing import query_router, shown
from api.reading import Read
from queries import cart as carts
from queries.cart import Cart as CartView

router = query_router("/v1/cart", "cart")

_MONEY = {"amount": 1999, "currency": "USD"}
_CART = {
    "cart_id": "cart_01h455vb4pex5vsknk084sn02q",
    "lines": [
        {
            "sku": "MUG-S",
            "product_id": "prd_01h455vb4pex5vsknk084sn02q",
            "name": "Mug",
            "slug": "mug",
            "quantity": 1,
            "unit_price": _MONEY,
            "total": _MONEY,
            "available": 10,
            "availability": "available",
        }
    ],
    "total": _MONEY,
    "updated_at": "2026-05-01T12:00:00Z",
    "version": 2,
}


@router.get("", responses=shown(_CART))
async def get_cart(
    cart: Cart,
    read: Read,
    currency: Annotated[Currency | None, Query(description="By default the shop's.")] = None,
) -> CartView:
    """Your cart; a guest's by the `X-Cart-Token`. Whoever has none yet sees an empty one."""
    await read.seen("cart", "product", "stock_level")
    found = await carts.cart(read.shop.pool, cart.cart_id, currency or read.shop.settings.currency)
    if cart.new_token is not None:
        return replace(found, cart_id=None)
    if found.version:
        read.tagged(found.version)
    return found
