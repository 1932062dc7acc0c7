"""Letters that prove who reads an address: verification, and a new password for who has forgotten theirs.

Asking is answered in the same words and the same time whether or not anybody has the address."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from api.callers import address_of
from api.commands.auth import Email, Password, check_password
from api.fields import Body
from api.handling import Changed, Handle
from api.problems import Problem
from api.signing_in import LETTERS_TO, ended, of_address, slow_down
from api.straight import StraightRoute
from commands.user import RecordPasswordChange, VerifyEmail, users
from events.values import UserId
from infrastructure.accounts import normalized
from infrastructure.limits import Limit
from infrastructure.mail.mailed_tokens import Purpose

router = APIRouter(prefix="/v1/auth", tags=["auth"], route_class=StraightRoute)

LETTERS_FROM = Limit("letters-from", burst=60, every_s=10)

MailedToken = Annotated[str, Field(max_length=200, examples=["wXv0mT9cJYr3l1bE5yq7hH2dQ8nZk4sUo6aFgPxRtVs"])]


class Asked(Body):
    email: Email


class Confirmation(Body):
    token: MailedToken


class NewPassword(Body):
    token: MailedToken
    password: Password


class OnItsWay(BaseModel):
    detail: str = "If there is an account with this address, a letter is on its way."


@router.post("/email-verification", status_code=202, response_model=OnItsWay)
async def ask_verification(body: Asked, request: Request, handle: Handle) -> Response:
    """Have a letter sent whose token proves that the address is yours."""
    return await _asked(body, request, handle, "email-verification")


@router.post("/password-reset", status_code=202, response_model=OnItsWay)
async def ask_reset(body: Asked, request: Request, handle: Handle) -> Response:
    """Have a letter sent whose token is good for a new password, once, for 30 minutes."""
    return await _asked(body, request, handle, "password-reset")


@router.post("/email-verification/confirm", response_model=Changed)
async def confirm_verification(body: Confirmation, handle: Handle) -> Response:
    user_id, email = await _redeemed(handle, "email-verification", body.token)
    verify = VerifyEmail(user_id, await _as_held(handle, user_id, email))
    return await handle(verify, about=users(user_id), actor=user_id, keyed=False)


@router.post("/password-reset/confirm", response_model=Changed)
async def confirm_reset(body: NewPassword, handle: Handle) -> Response:
    """Set a new password. It signs nobody in, and ends all sessions that there are."""
    check_password("/password", body.password)
    user_id, email = await _redeemed(handle, "password-reset", body.token)
    shop = handle.shop
    await shop.accounts.set_password(user_id, body.password)
    await shop.mailed_tokens.request(email, "password-changed")
    over = await ended(shop, user_id, "password")
    # Who has read this letter has proved the address as well.
    changes = RecordPasswordChange(user_id, "reset"), VerifyEmail(user_id, await _as_held(handle, user_id, email))
    return await handle(*changes, *over, about=users(user_id), actor=user_id, keyed=False)


async def _asked(body: Asked, request: Request, handle: Handle, purpose: Purpose) -> Response:
    email = normalized(body.email)
    shop = handle.shop
    if (taken := await shop.limits.take((LETTERS_FROM, address_of(request)))).wait_s:
        raise slow_down(taken.wait_s)
    if not (await shop.limits.take((LETTERS_TO, f"{purpose}:{of_address(email)}"))).wait_s:
        await shop.mailed_tokens.request(email, purpose)
    return JSONResponse(OnItsWay().model_dump(), 202)


async def _as_held(handle: Handle, user_id: UserId, email: str) -> str:
    """The address as the account has it: letters go to its form in lower case."""
    user = await handle.shop.handler.read(users(user_id))
    return user.email if normalized(user.email) == email else email


async def _redeemed(handle: Handle, purpose: Purpose, token: str) -> tuple[UserId, str]:
    found = await handle.shop.mailed_tokens.redeem(purpose, token)
    if found is None:
        raise Problem(422, "invalid_mailed_token", "The token is not valid, or has been used, or is too old.")
    return UserId(found[0]), found[1]
