"""Whose cart it is: a customer's own, or a guest's by an unguessable token."""

import hashlib
import secrets
from typing import Annotated

from fastapi import Depends, Header

from api.depending import on_the_loop
from api.problems import Problem
from api.security import Visitor
from events.values import CartId, UserId

TOKEN_HEADER = "X-Cart-Token"


class CartOf:
    """The cart of whoever asks. A guest without a token gets a fresh one, to be sent along from then on.

    Who signs in and sends the token still means the guest's cart, and can order it.
    """

    def __init__(
        self,
        principal: Visitor,
        x_cart_token: Annotated[
            str | None,
            Header(pattern=r"^[A-Za-z0-9_-]{43}$", description="A guest's cart, as its first answer gave it."),
        ] = None,
    ) -> None:
        self.customer_id: UserId | None = principal.user_id if principal else None
        self.new_token: str | None = None
        if principal is not None and x_cart_token is None:
            self.cart_id = CartId("cart_" + principal.user_id.removeprefix("usr_"))
        else:
            if x_cart_token is None:
                x_cart_token = self.new_token = secrets.token_urlsafe(32)
            # Only a hash of the token is ever written down: whoever reads the book cannot open the cart.
            self.cart_id = CartId("cart_" + hashlib.sha256(x_cart_token.encode()).hexdigest()[:32])

    def require_existing(self) -> None:
        """For what makes no sense on a cart that nobody has yet."""
        if self.new_token is not None:
            raise Problem(404, "not_found", f"Sign in, or send the {TOKEN_HEADER} of your cart.")


Cart = Annotated[CartOf, Depends(on_the_loop(CartOf))]
