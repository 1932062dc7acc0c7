"""Being forgotten: by one's own wish, or by an admin's hand for those who ask in another way."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.fields import Body, Reason, typeid
from api.handling import Changed, Handle
from api.problems import Problem
from api.security import Admin, SignedIn
from api.signing_in import ended
from api.straight import StraightRoute
from api.wiring import Shop
from commands.cart import carts, own_cart
from commands.privacy import ForgetSubject, persons
from commands.rejections import NotFound, VersionMismatch
from commands.session import EndSession
from commands.user import users
from events.values import GUEST, UserId, is_guest
from queries import person

router = APIRouter(prefix="/v1", tags=["privacy"], route_class=StraightRoute)

WAIT_S, POLL_S = 5.0, 0.05
ATTEMPTS = 5

PersonPath = Annotated[
    UserId, Path(pattern=f"{typeid('usr')}|{typeid(GUEST)}", description="A user, or the `customer_id` of a guest.")
]


class Forget(Body):
    reason: Reason


@router.delete("/me", response_model=Changed)
async def forget_me(caller: SignedIn, handle: Handle) -> Response:
    """Forget me: my names, addresses and mail addresses become unreadable for ever, and nobody can sign in as me.

    What was sold and for how much stays. `409 still_needed` as long as an order is under way, or its papers must be
    kept. Take what is yours along before: `GET /v1/me/export`."""
    return await _forgotten(caller.user_id, "asked for by the person", handle)


@router.post("/admin/users/{person_id}/forget", response_model=Changed)
async def forget_user(person_id: PersonPath, body: Forget, admin: Admin, handle: Handle) -> Response:
    """The same for someone else; for a guest too, who is told by the `customer_id` of the order."""
    return await _forgotten(person_id, body.reason, handle)


async def _forgotten(person_id: UserId, reason: str, handle: Handle) -> Response:
    shop, cart, over = handle.shop, carts(own_cart(person_id)), list[EndSession]()
    for _ in range(ATTEMPTS):
        # The version is asked for before the orders are: each that is placed from then on moves the cart.
        seen = {} if is_guest(person_id) else {cart: (await shop.store.versions([cart.stream])).get(cart.stream, 0)}
        if not await shop.handler.read(persons(person_id)):
            await _check(shop, person_id)
        over += await ended(shop, person_id, "forgotten")
        try:
            answer = await handle(ForgetSubject(person_id, reason), *over, about=persons(person_id), also=seen)
        except VersionMismatch:
            continue
        shop.vault.forget(person_id)
        return answer
    raise Problem(503, "unavailable", "They are shopping right now. Ask again in a moment.")


async def _check(shop: Shop, person_id: UserId) -> None:
    """Raises NotFound, or Problem if the shop cannot do without what it knows."""
    head, deadline = await shop.store.head(), time.monotonic() + WAIT_S
    while await person.orders_known_to(shop.pool) < head:
        if time.monotonic() > deadline:
            raise Problem(503, "projection_behind", "The orders are not up to date. Ask again in a moment.")
        await asyncio.sleep(POLL_S)
    known = await person.is_customer(shop.pool, person_id)
    if not known and (is_guest(person_id) or not (await shop.handler.read(users(person_id))).registered):
        raise NotFound("user", person_id)
    if needed := await person.needed(shop.pool, person_id, shop.settings.invoice_retention_years):
        orders = [{"order_id": each.order_id, "status": each.status, "until": each.until} for each in needed]
        raise Problem(409, "still_needed", "The shop still needs to know who this is.", orders=orders)
