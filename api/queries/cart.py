"""What lies in the cart of whoever asks, at today's prices, and what has changed since it was put there."""

from dataclasses import replace
from typing import Annotated

from fastapi import Query, Response
from pydantic import TypeAdapter

from api.carts import Cart
from api.fields import Currency
from api.queries.routing import query_router, shown
from api.reading import Read
from api.security import TOKEN_MAY_BE_SENT
from projections.cart import cart as projection
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
            "unit_price_then": {"amount": 1799, "currency": "USD"},
            "added_at": "2026-05-01T12:00:00Z",
            "changes": ["price_rose"],
        }
    ],
    "total": _MONEY,
    "updated_at": "2026-05-01T12:00:00Z",
    "version": 2,
    "coupon": None,
    "left_out": [],
}
_JSON = TypeAdapter(CartView)


@router.get("", response_model=CartView, responses=shown(_CART), openapi_extra=TOKEN_MAY_BE_SENT)
async def get_cart(
    cart: Cart,
    read: Read,
    currency: Annotated[Currency | None, Query(description="By default the shop's.")] = None,
) -> Response:
    """Your cart; a guest's by the `X-Cart-Token`. Whoever has none yet sees an empty one.

    `changes` of a line says what is different from when it was added: the price (`price_rose`, `price_fell`), or
    whether it can be had (`too_few`, `out_of_stock`, `not_for_sale`); `capped` says that a merge left units out, which
    `left_out` counts until the line is changed or added to. Prices and stock may be as old as the cache keeps
    an entry (a minute); `Min-Position` sees to it that they are not older than what you have written or read."""
    usual = read.shop.settings.currency
    if cart.new_token is not None:
        await read.seen("cart")
        empty = replace(await carts.cart(read.shop.pool, cart.cart_id, currency or usual), cart_id=None)
        return read.answer(_JSON.dump_json(empty))
    cached, generation = currency in (None, usual), read.shop.near.generation
    entry = await _held(cart.cart_id, read, generation) if cached else None
    if entry is None:
        reached = await read.seen("cart", "product", "stock_level")
        found = await carts.cart(read.shop.pool, cart.cart_id, currency or usual)
        entry = f"{found.version}\n".encode() + _JSON.dump_json(found)
        if cached:
            await read.shop.cache.put(*_entry(cart.cart_id), reached, entry, generation=generation)
    version, _, body = entry.partition(b"\n")
    if version != b"0":
        read.tagged(int(version))
    return read.answer(body)


async def _held(cart_id: str, read: Read, generation: int) -> bytes | None:
    held = await read.shop.cache.get(*_entry(cart_id), at_least=read.min_position, generation=generation)
    if held is None or read.shop.near.is_overtaken(*_entry(cart_id), held[0]):
        return None
    position, entry = held
    read.stands_for(position)
    return entry


def _entry(cart_id: str) -> tuple[str, str]:
    assert projection.cached_as is not None
    return projection.cached_as, ":".join(projection.cached_key((cart_id,)))
