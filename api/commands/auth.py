"""Registering, signing in, and sessions."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import OAuth2PasswordRequestForm
from pydantic import BaseModel, EmailStr, Field

from api.callers import address_of
from api.carts import CartToken, Merged, merged, merging
from api.fields import Body, ShortText, typeid
from api.handling import Changed, Handle
from api.problems import invalid
from api.security import SignedIn
from api.signing_in import LETTERS_TO, SignedInUser, ended, of_address, refreshed, sign_in
from api.straight import StraightRoute
from commands import Command
from commands.rejections import NotFound
from commands.session import EndSession, RecordRegistration, sessions
from commands.user import RegisterUser
from events.values import UserId
from infrastructure.accounts import normalized
from infrastructure.passwords import refusal

router = APIRouter(prefix="/v1/auth", tags=["auth"], route_class=StraightRoute)

PASSWORD_CHARACTERS_SENT_MAX = 1_000
NOT_KEPT = {"Cache-Control": "no-store"}

Password = Annotated[
    str,
    Field(
        max_length=PASSWORD_CHARACTERS_SENT_MAX,
        examples=["correct horse 9"],
        description="8 characters to 72 bytes in UTF-8, and none of those that are tried first.",
    ),
]
Email = Annotated[EmailStr, Field(max_length=254, examples=["ada@example.com"])]
RefreshToken = Annotated[str, Field(max_length=200, examples=["ses_01h455vb4pex5vsknk084sn02q.8xLO.J0eZ"])]


class Registration(Body):
    email: Email
    password: Password
    name: ShortText = ""


MergedCart = Annotated[Merged | None, Field(description="What was in the cart of the `X-Cart-Token` sent along.")]


class Registered(BaseModel):
    user_id: Annotated[str, Field(description="Of the account, if the address was free.")]
    version: int


class Refresh(Body):
    refresh_token: RefreshToken


class Tokens(BaseModel):
    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: Annotated[int, Field(description="Seconds that the access token is good for.")]
    refresh_token: Annotated[str, Field(description="Good for one use, at /v1/auth/refresh.")]
    session_id: str
    merged: MergedCart = None


@router.post("/register", status_code=201, response_model=Registered)
async def register(body: Registration, request: Request, handle: Handle) -> Response:
    """Open a customer's account. A letter to its address proves whose it is; what is in a guest's cart comes along when
    they sign in with its `X-Cart-Token`.

    Nobody learns here who has an account: for an address that has one the answer is the same, in the same time, and
    `user_id` is nobody's. Its owner is told by letter, and by `RegistrationRefused` in the book. With an
    `Idempotency-Key`, whoever sends the same again is told the same `user_id`, and nobody else learns of it."""
    check_password("/password", body.password, body.email, body.name)
    shop = handle.shop
    user_id = UserId(handle.repeatable_id("usr", normalized(body.email), body.password))
    # By address, not by account: so it tells nothing, and nobody is flooded with letters.
    letter = not (await shop.limits.take((LETTERS_TO, f"register:{of_address(body.email)}"))).wait_s
    owner = await shop.accounts.register(user_id, body.email, body.password, letter=letter)
    is_theirs = owner in (None, user_id)
    commands: list[Command] = [RegisterUser(user_id, body.email, body.name)] if is_theirs else []
    if owner is not None:  # of a repetition too: it must look like everyone else's, and take as long
        commands.append(RecordRegistration(UserId(owner), address_of(request)))
    done = await shop.handler(*commands, metadata=handle.metadata("RegisterUser", user_id if is_theirs else None))
    headers = {"Commit-Position": str(done.position), "ETag": '"1"'}
    return JSONResponse({"user_id": user_id, "version": 1}, 201, headers)


@router.post("/login", response_model=Tokens)
async def login(
    form: Annotated[OAuth2PasswordRequestForm, Depends()],
    request: Request,
    handle: Handle,
    response: Response,
    x_cart_token: CartToken = None,
) -> Tokens:
    """Sign in with an e-mail address (as `username`) and a password; the token goes into `Authorization: Bearer`.

    With a guest's `X-Cart-Token`, what lies in that cart comes into the customer's own, in one transaction: quantities
    add up, and `merged.capped` says what did not fit. The guest's cart is empty then; the token opens nothing else.
    Who gives wrong passwords is answered with 429 for longer and longer."""
    shop = handle.shop
    signed_in = await sign_in(shop, request, form.username, form.password)
    response.headers.update(NOT_KEPT)
    answer = _tokens(signed_in, shop.access_tokens.lifetime_s)
    user_id = signed_in.session.user_id
    if commands := merging(x_cart_token, UserId(user_id)):
        done = await shop.handler(*commands, metadata=handle.metadata("MergeCarts", user_id))
        answer.merged = merged(done.events)
        response.headers["Commit-Position"] = str(done.position)
    return answer


@router.post("/refresh", response_model=Tokens)
async def refresh(body: Refresh, request: Request, handle: Handle) -> Response:
    """Exchange a refresh token for its successor and a fresh access token, with the roles of now.

    An answer that got lost is given again for ten seconds. After that, a token that comes a second time ends its
    session: somebody has a copy of it."""
    again = await refreshed(handle.shop, request, body.refresh_token)
    tokens = _tokens(again, handle.shop.access_tokens.lifetime_s)
    return JSONResponse(tokens.model_dump(exclude={"merged"}), headers=NOT_KEPT)


@router.post("/logout", response_model=Changed)
async def logout(caller: SignedIn, handle: Handle) -> Response:
    """End this session: its access token opens nothing from now on, its refresh token neither."""
    await handle.shop.sessions.end(caller.user_id, [caller.session_id])
    end = EndSession(caller.session_id, caller.user_id, "logged_out")
    return await handle(end, about=sessions(caller.session_id), keyed=False)


@router.post("/logout-all", response_model=Changed)
async def logout_all(caller: SignedIn, handle: Handle) -> Response:
    """End all your sessions, this one included."""
    end = EndSession(caller.session_id, caller.user_id, "logged_out")
    others = await ended(handle.shop, caller.user_id, "logged_out", but=caller.session_id)
    await handle.shop.sessions.end(caller.user_id, [caller.session_id])
    return await handle(end, *others, about=sessions(caller.session_id), keyed=False)


@router.delete("/sessions/{session_id}", response_model=Changed)
async def end_session(
    session_id: Annotated[str, Path(pattern=typeid("ses"))], caller: SignedIn, handle: Handle
) -> Response:
    """End one of your sessions, such as that of a device you have lost."""
    if not await handle.shop.sessions.end(caller.user_id, [session_id]):
        raise NotFound("session", session_id)
    return await handle(EndSession(session_id, caller.user_id, "revoked"), about=sessions(session_id), keyed=False)


def check_password(pointer: str, password: str, *about: str) -> None:
    """Raises Problem 422."""
    if (refused := refusal(password, *about)) is not None:
        raise invalid(pointer, refused[1], refused[0])


def _tokens(signed_in: SignedInUser, expires_in: int) -> Tokens:
    session = signed_in.session
    return Tokens(
        access_token=signed_in.access_token,
        expires_in=expires_in,
        refresh_token=session.refresh_token,
        session_id=session.session_id,
    )
