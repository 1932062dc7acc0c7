"""Registering and signing in."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from fastapi.security import OAuth2PasswordRequestForm
from pydantic import BaseModel, EmailStr, Field

from api.carts import CartToken, Merged, merged, merging
from api.fields import Body, ShortText
from api.handling import Handle
from api.problems import Problem, invalid
from api.security import access_token
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


MergedCart = Annotated[Merged | None, Field(description="What was in the cart of the `X-Cart-Token` sent along.")]


class Registered(BaseModel):
    user_id: str
    version: int
    merged: MergedCart = None


class AccessToken(BaseModel):
    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: Annotated[int, Field(description="Seconds.")]
    merged: MergedCart = None


@router.post("/register", status_code=201, response_model=Registered)
async def register(body: Registration, handle: Handle, x_cart_token: CartToken = None) -> Response:
    """Open a customer's account. With a guest's `X-Cart-Token`, what lies in that cart comes along."""
    if len(body.password.encode()) > PASSWORD_BYTES_MAX:
        raise invalid("/password", f"at most {PASSWORD_BYTES_MAX} bytes in UTF-8", "too_long")
    user_id = UserId(new_id("usr"))
    if not await handle.shop.accounts.add(user_id, body.email, body.password):
        raise Problem(409, "email_taken", "There is an account with this e-mail address.")
    return await handle(
        RegisterUser(user_id, body.email, body.name),
        *merging(x_cart_token, user_id),
        about=(user := users(user_id)),
        status=201,
        answer=lambda done: {
            "user_id": user_id,
            "version": done.versions[user.stream],
            "merged": merged(done.events),
        },
        actor=user_id,
        keyed=False,
    )


@router.post("/login", response_model=AccessToken)
async def login(
    form: Annotated[OAuth2PasswordRequestForm, Depends()],
    handle: Handle,
    response: Response,
    x_cart_token: CartToken = None,
) -> AccessToken:
    """Sign in with an e-mail address (as `username`) and a password; the token goes into `Authorization: Bearer`.

    With a guest's `X-Cart-Token`, what lies in that cart comes into the customer's own, in one transaction: quantities
    add up, and `merged.capped` says what did not fit. The guest's cart is empty then; the token opens nothing else."""
    shop = handle.shop
    user_id = await shop.accounts.check(form.username, form.password)
    if user_id is None:
        raise Problem(401, "invalid_credentials", "The address or the password is wrong.")
    user = await shop.handler.read(users(user_id))
    if not user.registered:  # the account was made, and the service died before the fact was written
        await shop.handler(RegisterUser(UserId(user_id), form.username))
        user = await shop.handler.read(users(user_id))
    token, expires_in = access_token(shop, user_id, user.roles)
    answer = AccessToken(access_token=token, expires_in=expires_in)
    if commands := merging(x_cart_token, UserId(user_id)):
        done = await shop.handler(*commands, metadata=handle.metadata("MergeCarts", user_id))
        answer.merged = merged(done.events)
        response.headers["Commit-Position"] = str(done.position)
    return answer
