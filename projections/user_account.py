"""Accounts and their roles."""

from datetime import datetime
from typing import NamedTuple, assert_never, get_args

from events.store import Fact
from events.user import RoleGranted, RoleRevoked, UserEvent, UserRegistered
from projections.projection import Key, Projection


class UserAccountRow(NamedTuple):
    user_id: str
    email: str
    name: str
    roles: list[str]
    registered_at: datetime
    version: int


def evolve(row: UserAccountRow | None, fact: Fact[UserEvent], key: Key) -> UserAccountRow | None:
    event = fact.event
    if isinstance(event, UserRegistered):
        return UserAccountRow(event.user_id, event.email, event.name, ["customer"], fact.occurred_at, fact.version)
    if row is None:
        return None
    row = row._replace(version=fact.version)
    match event:
        case RoleGranted(role=role):
            return row._replace(roles=sorted({*row.roles, role}))
        case RoleRevoked(role=role):
            return row._replace(roles=[held for held in row.roles if held != role])
        case _:
            assert_never(event)


user_account = Projection(
    "user_account", UserAccountRow, ("user_id",), get_args(UserEvent), lambda event: [(event.user_id,)], evolve
)
