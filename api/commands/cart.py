"""Filling a cart, as a customer or as a guest. Two requests at once both count."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from api.carts import TOKEN_HEADER, Cart
from api.fields import Body, CouponCode, Currency, SkuField, SkuPath
from api.handling import Changed, Handle
from api.security import TOKEN_MAY_BE_SENT
from api.straight import StraightRoute
from commands.cart import MAX_QUANTITY, AddToCart, ChangeCartLine, ClearCart, RemoveFromCart, carts
from commands.cart_coupon import RemoveCartCoupon, SetCartCoupon

router = APIRouter(prefix="/v1/cart", tags=["cart"], route_class=StraightRoute)


class NewLine(Body):
    sku: SkuField
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY, strict=True)] = 1


class LineChange(Body):
    quantity: Annotated[int, Field(ge=0, le=MAX_QUANTITY, strict=True, description="0 removes the line.")]


class CartCoupon(Body):
    code: CouponCode
    currency: Annotated[Currency | None, Field(description="By default the shop's.")] = None


@router.post("/lines", status_code=201, response_model=Changed, openapi_extra=TOKEN_MAY_BE_SENT)
async def add_to_cart(body: NewLine, cart: Cart, handle: Handle) -> Response:
    """Put units into the cart, on top of what lies there. A guest gets an `X-Cart-Token` with the first answer."""
    command = AddToCart(cart.cart_id, body.sku, body.quantity, cart.customer_id)
    response = await handle(
        command, about=carts(cart.cart_id), status=201, answer=cart.written, keyed=cart.new_token is None
    )
    if cart.new_token is not None:
        response.headers[TOKEN_HEADER] = cart.new_token
    return response


@router.patch("/lines/{sku}", response_model=Changed, openapi_extra=TOKEN_MAY_BE_SENT)
async def change_cart_line(sku: SkuPath, body: LineChange, cart: Cart, handle: Handle) -> Response:
    cart.require_existing()
    return await handle(ChangeCartLine(cart.cart_id, sku, body.quantity), about=carts(cart.cart_id))


@router.delete("/lines/{sku}", response_model=Changed, openapi_extra=TOKEN_MAY_BE_SENT)
async def remove_from_cart(sku: SkuPath, cart: Cart, handle: Handle) -> Response:
    cart.require_existing()
    return await handle(RemoveFromCart(cart.cart_id, sku), about=carts(cart.cart_id))


@router.delete("", response_model=Changed, openapi_extra=TOKEN_MAY_BE_SENT)
async def clear_cart(cart: Cart, handle: Handle) -> Response:
    cart.require_existing()
    return await handle(ClearCart(cart.cart_id), about=carts(cart.cart_id))


@router.put("/coupon", response_model=Changed, openapi_extra=TOKEN_MAY_BE_SENT)
async def set_cart_coupon(body: CartCoupon, cart: Cart, handle: Handle) -> Response:
    """Instead of another that lies there. `409 coupon_unknown`, `coupon_expired`, `coupon_minimum` and others say why
    it does not count; whether it still does is judged again with the order."""
    cart.require_existing()
    currency = body.currency or handle.shop.settings.currency
    command = SetCartCoupon(cart.cart_id, body.code, currency, datetime.now(UTC), cart.customer_id)
    return await handle(command, about=carts(cart.cart_id))


@router.delete("/coupon", response_model=Changed, openapi_extra=TOKEN_MAY_BE_SENT)
async def remove_cart_coupon(cart: Cart, handle: Handle) -> Response:
    cart.require_existing()
    return await handle(RemoveCartCoupon(cart.cart_id), about=carts(cart.cart_id))
