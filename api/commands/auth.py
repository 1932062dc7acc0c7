"""Registering and signing in."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import OAuth2PasswordRequestForm
from pydantic import BaseModel, EmailStr, Field

from api.fields import Body, ShortText
from api.handling import Handle
from api.problems import Problem, invalid
from api.security import access_token
from api.wiring import Shop
from commands.user import RegisterUser, users
from events.values import UserId
from infrastructure.accounts import PASSWORD_BYTES_MAX
from infrastructure.ids import new_id

router = APIRouter(prefix="/v1/auth", tags=["auth"])

PASSWORD_CHARACTERS_MIN = 8


class Registration(Body):
    email: Annotated[EmailStr, Field(max_length=254, examples=["ada@example.com"])]
    password: Annotated[str, Field(min_length=PASSWORD_CHARACTERS_MIN, max_length=72, examples=["correct horse 9"])]
    name: ShortText = ""


class Registered(BaseModel):
    user_id: str
    version: int


class AccessToken(BaseModel):
    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: Annotated[int, Field(description="Seconds.")]


@router.post("/register", status_code=201, response_model=Registered)
async def register(body: Registration, handle: Handle) -> Response:
    """Open a customer's account."""
    if len(body.password.encode()) > PASSWORD_BYTES_MAX:
        raise invalid("/password", f"at most {PASSWORD_BYTES_MAX} bytes in UTF-8", "too_long")
    user_id = UserId(new_id("usr"))
    if not await handle.shop.accounts.add(user_id, body.email, body.password):
        raise Problem(409, "email_taken", "There is an account with this e-mail address.")
    return await handle(
        RegisterUser(user_id, body.email, body.name),
        about=(user := users(user_id)),
        status=201,
        answer=lambda done: {"user_id": user_id, "version": done.versions[user.stream]},
        actor=user_id,
        keyed=False,
    )


@router.post("/login", response_model=AccessToken)
async def login(form: Annotated[OAuth2PasswordRequestForm, Depends()], request: Request) -> AccessToken:
    """Sign in with an e-mail address (as `username`) and a password; the token goes into `Authorization: Bearer`."""
    shop: Shop = request.app.state.shop
    user_id = await shop.accounts.check(form.username, form.password)
    if user_id is None:
        raise Problem(401, "invalid_credentials", "The address or the password is wrong.")
    user = await shop.handler.read(users(user_id))
    if not user.registered:  # the account was made, and the service died before the fact was written
        await shop.handler(RegisterUser(UserId(user_id), form.username))
        user = await shop.handler.read(users(user_id))
    token, expires_in = access_token(shop, user_id, user.roles)
    return AccessToken(access_token=token, expires_in=expires_in)
