"""Customers keep in mind what they would like to have."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.fields import Body, SkuPath
from api.handling import Changed, Handle
from api.security import SignedIn
from api.straight import StraightRoute
from commands.cart import MAX_QUANTITY, carts, own_cart
from commands.handler import Done
from commands.wishlist import AddWish, MoveWishToCart, RemoveWish, wishlists

router = APIRouter(prefix="/v1/wishlist", tags=["wishlist"], route_class=StraightRoute)


class Move(Body):
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY, strict=True)] = 1


class Moved(BaseModel):
    """The wishlist and the cart, each with the version it is at now."""

    id: str
    version: int
    cart_id: str
    cart_version: int


@router.put("/{sku}", response_model=Changed)
async def add_wish(sku: SkuPath, customer: SignedIn, handle: Handle) -> Response:
    """Put an article on the list, if it is not there yet."""
    return await handle(AddWish(customer.user_id, sku), about=wishlists(customer.user_id))


@router.delete("/{sku}", response_model=Changed)
async def remove_wish(sku: SkuPath, customer: SignedIn, handle: Handle) -> Response:
    return await handle(RemoveWish(customer.user_id, sku), about=wishlists(customer.user_id))


@router.post("/{sku}/move-to-cart", response_model=Moved)
async def move_wish_to_cart(sku: SkuPath, customer: SignedIn, handle: Handle, body: Move | None = None) -> Response:
    """Off the list and into your own cart, in one transaction. With an `Idempotency-Key` it can be sent again."""
    user_id = customer.user_id
    wishlist, cart_id = wishlists(user_id), own_cart(user_id)

    def moved(done: Done) -> dict[str, Any]:
        version, cart_version = (done.versions[stream] for stream in (wishlist.stream, carts(cart_id).stream))
        return {"id": user_id, "version": version, "cart_id": cart_id, "cart_version": cart_version}

    quantity = body.quantity if body else 1
    return await handle(MoveWishToCart(user_id, sku, quantity), about=wishlist, answer=moved)
