"""Admins decide what accounts may do, and which may not come in."""

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import Field, model_validator

from api.fields import Body, Reason, UserPath
from api.handling import Changed, Handle
from api.problems import Problem
from api.security import Admin
from api.signing_in import ended
from api.straight import StraightRoute
from commands import Command
from commands.rejections import NotFound
from commands.user import ADMIN, GrantRole, ReinstateUser, RevokeRole, SuspendUser, users

router = APIRouter(prefix="/v1/admin/users", tags=["admin"], route_class=StraightRoute)


class UserChange(Body):
    """What is left out stays as it is."""

    roles: Annotated[
        list[Literal["customer", "staff", "admin"]] | None,
        Field(max_length=3, examples=[["customer", "staff"]], description="All that the account shall have."),
    ] = None
    suspended: bool | None = None
    reason: Reason = "by an admin"

    @model_validator(mode="after")
    def _says_something(self) -> "UserChange":
        if self.roles is None and self.suspended is None:
            raise ValueError("nothing is to be changed")
        return self


@router.patch("/{user_id}", response_model=Changed)
async def change_user(user_id: UserPath, body: UserChange, admin: Admin, handle: Handle) -> Response:
    """Set an account's roles, suspend or reinstate it. Whatever changes ends its sessions, so that it holds at once."""
    shop = handle.shop
    user = await shop.handler.read(users(user_id))
    if not user.registered:
        raise NotFound("user", user_id)
    roles = user.roles if body.roles is None else frozenset(body.roles)
    if user_id == admin.user_id and (body.suspended or ADMIN not in roles):
        raise Problem(409, "conflict", "You cannot take your own rights away: another admin can.")
    changes: list[Command] = [GrantRole(user_id, role) for role in sorted(roles - user.roles)]
    changes += [RevokeRole(user_id, role) for role in sorted(user.roles - roles)]
    if body.suspended is not None:
        changes.append(SuspendUser(user_id, body.reason) if body.suspended else ReinstateUser(user_id))
    changes = changes or [GrantRole(user_id, role) for role in sorted(roles)[:1]]
    answer = await handle(*changes, about=users(user_id))
    if roles != user.roles or body.suspended:
        over = await ended(shop, user_id, "suspended" if body.suspended else "roles")
        if over:
            await shop.handler(*over, metadata=handle.metadata("ChangeUser"))
    return answer
