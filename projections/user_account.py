"""Accounts and their roles."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never, get_args

from events.store import Recorded
from events.user import RoleGranted, RoleRevoked, UserEvent, UserRegistered
from projections.projection import Key, Projection


@dataclass(frozen=True, slots=True)
class UserAccountRow:
    user_id: str
    email: str
    name: str
    roles: list[str]
    registered_at: datetime
    version: int


def evolve(row: UserAccountRow | None, fact: Recorded, key: Key) -> UserAccountRow | None:
    event: UserEvent = fact.event  # type: ignore[assignment]
    if isinstance(event, UserRegistered):
        return UserAccountRow(event.user_id, event.email, event.name, ["customer"], fact.occurred_at, fact.version)
    if row is None:
        return None
    row = replace(row, version=fact.version)
    match event:
        case RoleGranted(role=role):
            return replace(row, roles=sorted({*row.roles, role}))
        case RoleRevoked(role=role):
            return replace(row, roles=[held for held in row.roles if held != role])
        case _:
            assert_never(event)


user_account = Projection(
    "user_account", UserAccountRow, ("user_id",), get_args(UserEvent), lambda event: [(event.user_id,)], evolve
)
