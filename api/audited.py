"""What goes into the audit trail beside the facts: staff who look at somebody's data, and whoever is turned away."""

from collections.abc import Collection, Iterable

from fastapi import Request

from api.security import Principal
from api.wiring import Shop
from infrastructure.accesses import What
from infrastructure.limits import Limit

REFUSALS = Limit("refusals-noted", burst=60, every_s=10)
"""Of one user: a flood of requests must not become a flood of rows."""


def looked_at(request: Request, principal: Principal | None, persons: Iterable[str]) -> None:
    """To be called where an answer holds what is marked personal. One's own is nobody's business."""
    if principal is None or not principal.is_staff:
        return
    if others := {person for person in persons if person != principal.user_id}:
        _note(request, principal, "read", others)


def turned_away(request: Request) -> None:
    """To be called for each 403. Who is not signed in (401) has no name that could be written down."""
    principal: Principal | None = request.scope.get("principal")
    shop: Shop = request.app.state.shop
    if principal is not None and not shop.limits.local.take((REFUSALS, principal.user_id)).wait_s:
        _note(request, principal, "refused")


def _note(request: Request, principal: Principal, what: What, persons: Collection[str] = ()) -> None:
    shop: Shop = request.app.state.shop
    route, request_id = f"{request.method} {request.scope['route'].path}", request.scope["request_id"]
    shop.accesses.note(what, actor=principal.user_id, route=route, persons=persons, request_id=request_id)
