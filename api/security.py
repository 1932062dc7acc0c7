"""Who is asking, and what they may do. Tokens are short-lived JWTs; what a role may do is said at each route."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import jwt
from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from jwt.types import Options

from api.problems import Problem
from api.wiring import Shop
from commands.user import ADMIN, CUSTOMER, STAFF
from events.values import UserId

ISSUER = AUDIENCE = "daybook"
ALGORITHM = "HS256"
CLOCK_SKEW_S = 5
TOKENS_REMEMBERED = 10_000

_bearer = OAuth2PasswordBearer("/v1/auth/login", auto_error=False, description="An access token from /v1/auth/login.")


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in user."""

    user_id: UserId
    roles: frozenset[str]

    @property
    def is_staff(self) -> bool:
        return bool(self.roles & {STAFF, ADMIN})


def access_token(shop: Shop, user_id: str, roles: frozenset[str]) -> tuple[str, int]:
    """A signed token and the seconds it is good for."""
    lifetime_s = shop.settings.access_token_minutes * 60
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user_id,
        "roles": sorted(roles),
        "iat": now,
        "nbf": now,
        "exp": now + lifetime_s,
    }
    return jwt.encode(claims, shop.settings.signing_key(), ALGORITHM), lifetime_s


def principal_of(request: Request) -> Principal | None:
    """Whoever asks: a signed-in user, or None for a guest. A token that is no good is refused, not ignored.

    Found once a request. What is called directly costs a tenth of a dependency: most commands ask twice."""
    scope = request.scope
    if "principal" not in scope:
        scope["principal"] = _principal(request)
    principal: Principal | None = scope["principal"]
    return principal


async def visitor(request: Request, token: Annotated[str | None, Depends(_bearer)]) -> Principal | None:
    """As a dependency, which says in the OpenAPI document that a token may be sent."""
    return principal_of(request)


def _principal(request: Request) -> Principal | None:
    authorization = request.headers.get("authorization")
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise _unauthorized("The Authorization header holds no bearer token.")
    shop: Shop = request.app.state.shop
    try:
        verified = _verified(token, shop.settings.signing_key())
    except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError):
        raise _unauthorized("The access token is not valid.") from None
    now = time.time()
    if verified.expires_at + CLOCK_SKEW_S <= now:
        raise _unauthorized("The access token has expired.")
    if verified.begins_at - CLOCK_SKEW_S > now:
        raise _unauthorized("The access token is not valid.")
    return verified.principal


class _Verified(NamedTuple):
    """What stands in a token that we have signed, and when it is good, in seconds since 1970."""

    principal: Principal
    begins_at: int
    expires_at: int


@lru_cache(maxsize=TOKENS_REMEMBERED)
def _verified(token: str, key: str) -> _Verified:
    """Who comes again with the same token has a signature that was checked; what time it is must be asked each time.

    Raises what PyJWT does, ValueError, TypeError or OverflowError; only what is good is remembered."""
    options: Options = {
        "require": ["exp", "iat", "nbf", "sub", "iss", "aud"],
        "verify_exp": False,
        "verify_nbf": False,
        "verify_iat": False,
    }
    claims = jwt.decode(token, key, [ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=options)
    principal = Principal(UserId(str(claims["sub"])), frozenset(map(str, claims.get("roles", ()))))
    return _Verified(principal, max(int(claims["nbf"]), int(claims["iat"])), int(claims["exp"]))


async def signed_in(principal: Annotated[Principal | None, Depends(visitor)]) -> Principal:
    if principal is None:
        raise _unauthorized("Sign in first.")
    return principal


def having(*roles: str) -> Callable[[Principal], Awaitable[Principal]]:
    """Only for those who have one of these roles."""

    async def check(principal: Annotated[Principal, Depends(signed_in)]) -> Principal:
        if not principal.roles & set(roles):
            raise Problem(403, "forbidden", f"This is for {' or '.join(roles)} only.")
        return principal

    return check


Visitor = Annotated[Principal | None, Depends(visitor)]
SignedIn = Annotated[Principal, Depends(signed_in)]
Customer = Annotated[Principal, Depends(having(CUSTOMER))]
Staff = Annotated[Principal, Depends(having(STAFF, ADMIN))]
Admin = Annotated[Principal, Depends(having(ADMIN))]


TOKEN_MAY_BE_SENT: dict[str, Any] = {"security": [{_bearer.scheme_name: []}]}
"""For the OpenAPI document, where no dependency says so."""


def _unauthorized(detail: str) -> Problem:
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})
