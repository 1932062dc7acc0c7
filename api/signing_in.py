"""Who gives the right password gets a session; who guesses is slowed down, and never locked out for good."""

import hashlib
import math
from dataclasses import dataclass

from fastapi import Request

from api.callers import address_of, device_of
from api.problems import Problem
from api.wiring import Shop
from commands.session import EndSession, RecordRefusal, RecordReuse, RecordSignIn, Why
from commands.user import RegisterUser, User, users
from events.store import Metadata
from events.values import UserId
from infrastructure.accounts import normalized
from infrastructure.limits import Limit, Use
from infrastructure.sessions import Exchanged, RefreshRefused

# Wrong passwords: by one address for one account, by anyone for one account, by one address for any.
WRONG_HERE = Limit("wrong-here", burst=20, every_s=30)
WRONG_FOR_ACCOUNT = Limit("wrong-account", burst=200, every_s=10)
WRONG_FROM_ADDRESS = Limit("wrong-address", burst=400, every_s=2)
WRITTEN_DOWN = Limit("refusals", burst=5, every_s=60)
"""Of the refusals of one account; a flood of guesses must not become a flood of facts."""

NOT_IN = "The address or the password is wrong, or the address is not confirmed yet."
LETTERS_TO = Limit("letters-to", burst=3, every_s=300)
"""Of one kind, to one address."""


@dataclass(frozen=True, slots=True)
class SignedInUser:
    user: User
    session: Exchanged
    access_token: str


async def sign_in(shop: Shop, request: Request, email: str, password: str) -> SignedInUser:
    """Raises Problem 401, with the same words for whatever was wrong, or 429.

    Who has not proved their address yet is answered like who is wrong: else whoever registers with an address of
    somebody else would learn by signing in whether it was free."""
    address = address_of(request)
    tries = _tries(email, address)
    # Counted before the password is looked at, and taken back if it was right: guesses side by side gain nothing.
    if (taken := await shop.limits.take(*tries)).wait_s:
        raise slow_down(taken.wait_s)
    owner, user_id = await shop.accounts.check(email, password)
    user = User() if user_id is None else await _known(shop, UserId(user_id), email)
    if user_id is None or user.suspended or not (user.proven or shop.settings.unproven_may_sign_in):
        if owner is not None and not (await shop.limits.take((WRITTEN_DOWN, owner))).wait_s:
            await shop.handler(RecordRefusal(UserId(owner), address), metadata=_metadata(request, "SignIn", owner))
        raise Problem(401, "invalid_credentials", NOT_IN)
    await shop.limits.give_back(*tries)
    session = await shop.sessions.open(user_id, address, device_of(request))
    recorded = RecordSignIn(session.session_id, UserId(user_id), address, device_of(request))
    await shop.handler(recorded, metadata=_metadata(request, "SignIn", user_id))
    return SignedInUser(user, session, shop.access_tokens.issue(user_id, session.session_id, user.roles))


async def refreshed(shop: Shop, request: Request, token: str) -> SignedInUser:
    """Raises Problem 401. Roles are those of now."""
    try:
        session = await shop.sessions.exchange(token)
    except RefreshRefused as refused:
        if refused.reused_of is not None:
            session_id, owner = refused.reused_of
            record = RecordReuse(session_id, UserId(owner), address_of(request))
            await shop.handler(record, metadata=_metadata(request, "Refresh", owner))
        raise Problem(401, "invalid_refresh_token", str(refused)) from None
    user = await shop.handler.read(users(UserId(session.user_id)))
    if user.suspended:
        await shop.sessions.end(session.user_id)
        raise Problem(401, "invalid_refresh_token", "The refresh token is not valid.")
    access_token = shop.access_tokens.issue(session.user_id, session.session_id, user.roles)
    return SignedInUser(user, session, access_token)


async def ended(shop: Shop, user_id: UserId, why: Why, *, but: str | None = None) -> list[EndSession]:
    """End all of a user's sessions, but for one; what is to be written down of it."""
    over = await shop.sessions.end(user_id, but=[] if but is None else [but])
    return [EndSession(session_id, user_id, why) for session_id in over]


def slow_down(wait_s: float) -> Problem:
    seconds = max(1, math.ceil(wait_s))
    return Problem(429, "too_many_requests", f"Ask again in {seconds} seconds.", headers={"Retry-After": str(seconds)})


def of_address(email: str) -> str:
    """What stands for an address where things are counted: Redis is no place for personal data."""
    return hashlib.sha256(normalized(email).encode(errors="replace")).hexdigest()[:32]


def _tries(email: str, address: str) -> tuple[Use, ...]:
    account = of_address(email)
    return (WRONG_HERE, f"{account}:{address}"), (WRONG_FOR_ACCOUNT, account), (WRONG_FROM_ADDRESS, address)


async def _known(shop: Shop, user_id: UserId, email: str) -> User:
    user = await shop.handler.read(users(user_id))
    if not user.registered:  # the account was made, and the service died before the fact was written
        await shop.handler(RegisterUser(user_id, email))
        user = await shop.handler.read(users(user_id))
    return user


def _metadata(request: Request, command: str, actor: str) -> Metadata:
    request_id = request.scope["request_id"]
    return Metadata(actor=actor, command=command, correlation_id=request_id, request_id=request_id)
