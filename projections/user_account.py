"""Accounts and their roles."""

from datetime import datetime
from typing import NamedTuple, assert_never, get_args

from events.store import Fact
from events.user import (
    EmailChanged,
    EmailVerified,
    PasswordChanged,
    RoleGranted,
    RoleRevoked,
    UserEvent,
    UserRegistered,
    UserReinstated,
    UserRenamed,
    UserSuspended,
)
from events.values import FORGOTTEN
from projections.projection import Key, Projection


class UserAccountRow(NamedTuple):
    user_id: str
    email: str
    name: str
    roles: list[str]
    verified: bool
    suspended: bool
    registered_at: datetime
    version: int


def evolve(row: UserAccountRow | None, fact: Fact[UserEvent], key: Key) -> UserAccountRow | None:
    event = fact.event
    if isinstance(event, UserRegistered):
        return UserAccountRow(
            event.user_id, event.email, event.name, ["customer"], False, False, fact.occurred_at, fact.version
        )
    if row is None:
        return None
    row = row._replace(version=fact.version)
    match event:
        case UserRenamed(name=name):
            return row._replace(name=name)
        case EmailChanged(email=email):
            return row._replace(email=email, verified=False)
        case EmailVerified():
            return row._replace(verified=True)
        case PasswordChanged():
            return row
        case UserSuspended() | UserReinstated():
            return row._replace(suspended=isinstance(event, UserSuspended))
        case RoleGranted(role=role):
            return row._replace(roles=sorted({*row.roles, role}))
        case RoleRevoked(role=role):
            return row._replace(roles=[held for held in row.roles if held != role])
        case _:
            assert_never(event)


user_account = Projection(
    "user_account",
    UserAccountRow,
    ("user_id",),
    get_args(UserEvent),
    lambda event: [(event.user_id,)],
    evolve,
    personal={"email": FORGOTTEN, "name": FORGOTTEN},
    person="user_id",
)
