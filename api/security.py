"""Who is asking, and what they may do. Tokens are short-lived JWTs; what a role may do is said at each route."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from starlette.requests import HTTPConnection

from api.problems import Problem
from api.scopes import sent_headers
from api.wiring import Shop
from commands.user import ADMIN, CUSTOMER, STAFF
from events.values import UserId
from infrastructure.access_tokens import BadToken

SIGN_IN = "/v1/auth/login"


class _Documented(OAuth2PasswordBearer):
    """Says in the OpenAPI document that a token may be sent; it is looked at elsewhere."""

    async def __call__(self, request: HTTPConnection) -> None:
        return None


_bearer = _Documented(SIGN_IN, "OAuth2", auto_error=False, description="An access token from /v1/auth/login.")


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in user."""

    user_id: UserId
    roles: frozenset[str]
    session_id: str

    @property
    def is_staff(self) -> bool:
        return bool(self.roles & {STAFF, ADMIN})


def principal_of(request: Request) -> Principal | None:
    """Whoever asks: a signed-in user, or None for a guest. A token that is no good is refused, not ignored.

    Found once a request. What is called directly costs a tenth of a dependency: most commands ask twice."""
    scope = request.scope
    if "principal" not in scope:
        scope["principal"] = _principal(request)
    principal: Principal | None = scope["principal"]
    return principal


async def visitor(request: Request, token: Annotated[None, Depends(_bearer)]) -> Principal | None:
    return principal_of(request)


def _principal(request: Request) -> Principal | None:
    authorization = sent_headers(request.scope).get(b"authorization")
    if authorization is None:
        return None
    scheme, _, token = authorization.decode("latin-1").partition(" ")
    if scheme.lower() == "basic" and request.scope["path"] == SIGN_IN:
        return None  # any client's name and password will do (RFC 6749, 2.3.1): we know no clients; /docs sends some
    if scheme.lower() != "bearer":
        raise unauthorized("The Authorization header holds no bearer token.")
    shop: Shop = request.app.state.shop
    try:
        user_id, session_id, roles, *_ = shop.access_tokens.verified(token)
    except BadToken as bad:
        raise unauthorized(str(bad)) from None
    if shop.sessions.has_ended(session_id):
        raise unauthorized("The session is over: sign in again.")
    principal = Principal(UserId(user_id), roles, session_id)
    if principal.is_staff and not shop.sessions.hears:
        # Their session may have been ended elsewhere. A customer's token is trusted for the minutes that it lasts.
        raise Problem(503, "unavailable", "Whether the session is still good cannot be told right now.")
    return principal


async def signed_in(request: Request, token: Annotated[None, Depends(_bearer)]) -> Principal:
    principal = principal_of(request)
    if principal is None:
        raise unauthorized("Sign in first.")
    return principal


async def shopper(principal: Annotated[Principal | None, Depends(visitor)]) -> Principal | None:
    """A customer, or None for a guest; not for staff who are no customers."""
    if principal is not None and CUSTOMER not in principal.roles:
        raise Problem(403, "forbidden", "This is for customers and guests only.")
    return principal


def having(*roles: str) -> Callable[[Request, None], Awaitable[Principal]]:
    """Only for those who have one of these roles."""
    wanted = frozenset(roles)

    async def check(request: Request, token: Annotated[None, Depends(_bearer)]) -> Principal:
        principal = await signed_in(request, token)
        if wanted.isdisjoint(principal.roles):
            raise Problem(403, "forbidden", f"This is for {' or '.join(roles)} only.")
        return principal

    return check


Visitor = Annotated[Principal | None, Depends(visitor)]
Shopper = Annotated[Principal | None, Depends(shopper)]
SignedIn = Annotated[Principal, Depends(signed_in)]
Customer = Annotated[Principal, Depends(having(CUSTOMER))]
Staff = Annotated[Principal, Depends(having(STAFF, ADMIN))]
Admin = Annotated[Principal, Depends(having(ADMIN))]


TOKEN_MAY_BE_SENT: dict[str, Any] = {"security": [{_bearer.scheme_name: []}]}
"""For the OpenAPI document, where no dependency says so."""


def unauthorized(detail: str) -> Problem:
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
