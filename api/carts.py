"""Whose cart it is: a customer's own, or a guest's by an unguessable token; and what becomes of it at sign-in."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from pydantic import BaseModel, Field

from api.problems import Problem
from api.security import principal_of
from commands.cart import MergeCarts, carts, own_cart
from commands.handler import Done
from events import Event
from events.cart import CartLineAdded, CartMerged
from events.values import CartId, UserId

TOKEN_HEADER = "X-Cart-Token"

CartToken = Annotated[
    str | None, Header(pattern=r"^[A-Za-z0-9_-]{43}$", description="A guest's cart, as its first answer gave it.")
]


@dataclass(frozen=True, slots=True)
class CartOf:
    """The cart of whoever asks. A guest without a token gets a fresh one, to be sent along from then on."""

    cart_id: CartId
    customer_id: UserId | None = None
    new_token: str | None = None

    def require_existing(self) -> None:
        """For what makes no sense on a cart that nobody has yet."""
        if self.new_token is not None:
            raise Problem(404, "not_found", f"Sign in, or send the {TOKEN_HEADER} of your cart.")

    def written(self, done: Done) -> Mapping[str, Any]:
        """The answer of a command: it may have been sent to a guest's cart that was being merged."""
        added = next((event.cart_id for event in done.events if isinstance(event, CartLineAdded)), self.cart_id)
        return {"id": added, "version": done.versions[carts(added).stream]}


async def cart_of(request: Request, x_cart_token: CartToken = None) -> CartOf:
    """Who has signed in and still sends a token means the guest's cart as long as it holds something that was not
    merged, and their own from then on. The token alone never opens a customer's cart."""
    principal = principal_of(request)
    if principal is None:
        token = x_cart_token or secrets.token_urlsafe(32)
        return CartOf(guests_cart(token), None, None if x_cart_token else token)
    if x_cart_token is not None:
        guest = await request.app.state.shop.handler.read(carts(guests_cart(x_cart_token)))
        if guest.lines and guest.merged_into is None:
            return CartOf(guests_cart(x_cart_token), principal.user_id)
    return CartOf(own_cart(principal.user_id), principal.user_id)


Cart = Annotated[CartOf, Depends(cart_of)]


class CappedLine(BaseModel):
    sku: str
    quantity: Annotated[int, Field(description="Units that came over.")]
    left_out: Annotated[int, Field(description="Units that did not fit into one cart.")]


class Merged(BaseModel):
    """What came over from a guest's cart."""

    cart_id: str
    lines: int
    units: int
    capped: list[CappedLine]


def merging(token: str | None, user_id: UserId) -> Sequence[MergeCarts]:
    """The command that brings along what a guest has put into a cart; none for who sends no token."""
    return [] if token is None else [MergeCarts(guests_cart(token), user_id)]


def merged(events: Sequence[Event]) -> Merged | None:
    """What these facts say of it; None if nothing was merged."""
    fact = next((event for event in events if isinstance(event, CartMerged)), None)
    if fact is None:
        return None
    capped = [
        CappedLine(sku=line.sku, quantity=line.quantity, left_out=line.left_out) for line in fact.lines if line.left_out
    ]
    units = sum(line.quantity for line in fact.lines)
    return Merged(cart_id=fact.cart_id, lines=len(fact.lines), units=units, capped=capped)


def guests_cart(token: str) -> CartId:
    """Only a hash of the token is ever written down: whoever reads the book cannot open the cart."""
    return CartId("cart_" + hashlib.sha256(token.encode()).hexdigest()[:32])
