"""Who may see an order: its customer, staff, and for a guest's order whoever holds the token of the cart it was."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from api.carts import CartToken, guests_cart
from api.handling import Handling
from api.security import Principal, Visitor, unauthorized
from commands.order import orders
from commands.rejections import NotFound
from events.store import StreamArchived
from events.values import CartId, OrderId, UserId, is_guest
from queries import order_summary


@dataclass(frozen=True, slots=True)
class Asking:
    """A signed-in user, or a guest with the `X-Cart-Token` that the order was placed with."""

    principal: Principal | None
    guests_cart: CartId | None

    def may_see(self, customer_id: str, cart_id: str | None) -> bool:
        """A customer's own order is never opened by a token alone, whatever cart it came from."""
        if self.principal is not None and (self.principal.is_staff or self.principal.user_id == customer_id):
            return True
        return self.guests_cart is not None and self.guests_cart == cart_id and is_guest(UserId(customer_id))


async def asking(principal: Visitor, x_cart_token: CartToken = None) -> Asking:
    if principal is None and x_cart_token is None:
        raise unauthorized("Sign in, or send the X-Cart-Token that the order was placed with.")
    return Asking(principal, guests_cart(x_cart_token) if x_cart_token else None)


WhoAsks = Annotated[Asking, Depends(asking)]


async def check_access(order_id: OrderId, who: Asking, handle: Handling) -> None:
    """An order that is not yours does not exist for you. Raises NotFound."""
    if who.principal is not None and who.principal.is_staff:
        return
    try:
        found = await handle.shop.handler.read(orders(order_id), at_least=1)  # whose it is does not change
        owner = found.customer_id, found.cart_id
    except StreamArchived:
        known = await order_summary.order(handle.shop.pool, order_id)
        owner = (UserId(known.customer_id), CartId(known.cart_id or "")) if known else (UserId(""), None)
    if not who.may_see(*owner):
        raise NotFound("order", order_id)
