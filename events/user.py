"""What can happen to a user's account. Passwords and tokens are never facts."""

from dataclasses import dataclass

from events.values import UserId, personal


@dataclass(frozen=True, slots=True)
class UserRegistered:
    user_id: UserId
    email: str = personal()
    name: str = personal(default="")


@dataclass(frozen=True, slots=True)
class RoleGranted:
    user_id: UserId
    role: str


@dataclass(frozen=True, slots=True)
class RoleRevoked:
    user_id: UserId
    role: str


UserEvent = UserRegistered | RoleGranted | RoleRevoked
