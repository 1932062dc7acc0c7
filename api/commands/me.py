"""What people change about themselves: name, address, password, and the addresses they keep."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import model_validator

from api.commands.auth import PASSWORD_CHARACTERS_SENT_MAX, Email, Password, check_password
from api.fields import AddressField, Body, ShortText, typeid
from api.handling import Changed, Handle
from api.problems import Problem
from api.security import Principal, SignedIn
from api.signing_in import WRONG_HERE, ended, slow_down
from api.straight import StraightRoute
from commands import Command
from commands.address_book import AddAddress, ChangeAddress, RemoveAddress, address_books
from commands.user import ChangeEmail, RecordPasswordChange, RenameUser, User, users
from infrastructure.accounts import normalized
from infrastructure.ids import new_id
from infrastructure.limits import Limit

NEW_ADDRESSES = Limit("new-addresses", burst=5, every_s=600)
"""Of one account. Whether an address is taken is told to who is signed in, so they must not try lists of them."""

router = APIRouter(prefix="/v1/me", tags=["me"], route_class=StraightRoute)

AddressPath = Annotated[str, Path(pattern=typeid("adr"))]


class Myself(Body):
    """What is left out stays as it is."""

    name: ShortText | None = None
    email: Email | None = None
    password: Password | None = None
    current_password: Annotated[str, "for a new email or password"] = ""

    @model_validator(mode="after")
    def _says_something(self) -> "Myself":
        if self.name is None and self.email is None and self.password is None:
            raise ValueError("nothing is to be changed")
        if len(self.current_password) > PASSWORD_CHARACTERS_SENT_MAX:
            raise ValueError("no password is that long")
        return self


@router.patch("", response_model=Changed)
async def change_me(body: Myself, caller: SignedIn, handle: Handle) -> Response:
    """Change your name; with `current_password`, also your e-mail address or your password.

    A new password ends all your sessions but this one; a new address must be verified. The address before is told."""
    if body.current_password or body.password is not None:
        handle.with_password()
        if (first := await handle.first_answer()) is not None:  # the current password may be another one by now
            return first
    shop, user_id = handle.shop, caller.user_id
    user = await shop.handler.read(users(user_id))
    changes: list[Command] = [] if body.name is None else [RenameUser(user_id, body.name)]
    if body.email is not None or body.password is not None:
        await _prove(handle, caller, body)
    if body.password is not None:
        check_password("/password", body.password, body.email or user.email, body.name or user.name)
    if body.email is not None:
        changes.append(await _readdressed(handle, user, caller, body.email))
    if body.password is not None:
        await shop.accounts.set_password(user_id, body.password)
        await shop.mailed_tokens.withdraw(user_id)
        await shop.mailed_tokens.request(normalized(user.email), "password-changed")
        over = await ended(shop, user_id, "password", but=caller.session_id)
        changes += [RecordPasswordChange(user_id), *over]
    return await handle(*changes, about=users(user_id))


@router.post("/addresses", status_code=201, response_model=Changed)
async def add_address(body: AddressField, caller: SignedIn, handle: Handle) -> Response:
    """Keep an address, of at most 20."""
    address_id = new_id("adr")
    return await handle(
        AddAddress(caller.user_id, address_id, body.value()),
        about=(book := address_books(caller.user_id)),
        status=201,
        location=f"/v1/me/addresses/{address_id}",
        answer=lambda done: {"id": address_id, "version": done.versions[book.stream]},
    )


@router.patch("/addresses/{address_id}", response_model=Changed)
async def change_address(address_id: AddressPath, body: AddressField, caller: SignedIn, handle: Handle) -> Response:
    """Put another address in its place. Orders keep the one they were made with."""
    change = ChangeAddress(caller.user_id, address_id, body.value())
    return await handle(change, about=address_books(caller.user_id))


@router.delete("/addresses/{address_id}", response_model=Changed)
async def remove_address(address_id: AddressPath, caller: SignedIn, handle: Handle) -> Response:
    return await handle(RemoveAddress(caller.user_id, address_id), about=address_books(caller.user_id))


async def _prove(handle: Handle, caller: Principal, body: Myself) -> None:
    """A token that was left lying about must not be enough to take an account over. Raises Problem."""
    use = WRONG_HERE, f"me:{caller.user_id}"
    if (taken := await handle.shop.limits.take(use)).wait_s:
        raise slow_down(taken.wait_s)
    # A request that stopped half-way has set the new one, and may be sent again.
    known = (password for password in (body.current_password, body.password) if password is not None)
    if not any([await handle.shop.accounts.has_password(caller.user_id, password) for password in known]):
        raise Problem(403, "wrong_password", "The current password is not this one.")
    await handle.shop.limits.give_back(use)


async def _readdressed(handle: Handle, user: User, caller: Principal, email: str) -> ChangeEmail:
    if (taken := await handle.shop.limits.take((NEW_ADDRESSES, caller.user_id))).wait_s:
        raise slow_down(taken.wait_s)
    if not await handle.shop.accounts.set_email(caller.user_id, email):
        raise Problem(409, "email_taken", "There is an account with this e-mail address.")
    if normalized(email) != normalized(user.email):
        await handle.shop.mailed_tokens.withdraw(caller.user_id)
        await handle.shop.mailed_tokens.request(normalized(user.email), "email-changed")
        await handle.shop.mailed_tokens.request(normalized(email), "email-verification")
    return ChangeEmail(caller.user_id, email)
