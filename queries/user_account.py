"""Accounts and their roles, for those who look after them."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from queries.rows import Listing

USERS = Listing(
    "user_id, email, name, roles::text, verified, suspended, registered_at, version",
    "user_account",
    {"user_id": "text"},  # ids sort by the time of their making, so the newest come first
    descending=True,
)


@dataclass(frozen=True, slots=True)
class UserAccount:
    user_id: str
    email: str
    name: str
    roles: list[str]
    verified: bool
    suspended: bool
    registered_at: datetime
    version: int


def from_row(row: Any) -> UserAccount:
    user_id, email, name, roles, *rest = row
    return UserAccount(user_id, email, name, json.loads(roles), *rest)
