"""What can happen to a user's account. Passwords and tokens are never facts."""

from dataclasses import dataclass

from events.values import UserId, personal


@dataclass(frozen=True, slots=True)
class UserRegistered:
    user_id: UserId
    email: str = personal()
    name: str = personal(default="")


@dataclass(frozen=True, slots=True)
class UserRenamed:
    user_id: UserId
    name: str = personal()


@dataclass(frozen=True, slots=True)
class EmailChanged:
    """Nobody has verified the new address yet."""

    user_id: UserId
    email: str = personal()


@dataclass(frozen=True, slots=True)
class EmailVerified:
    """Whoever has the account also reads what is sent to the address."""

    user_id: UserId
    email: str = personal()


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """`how` is "changed" by someone who knew the old one, or "reset" by someone who reads the account's mail."""

    user_id: UserId
    how: str


@dataclass(frozen=True, slots=True)
class RoleGranted:
    user_id: UserId
    role: str


@dataclass(frozen=True, slots=True)
class RoleRevoked:
    user_id: UserId
    role: str


@dataclass(frozen=True, slots=True)
class UserSuspended:
    """Cannot sign in, until reinstated."""

    user_id: UserId
    reason: str


@dataclass(frozen=True, slots=True)
class UserReinstated:
    user_id: UserId


UserEvent = (
    UserRegistered
    | UserRenamed
    | EmailChanged
    | EmailVerified
    | PasswordChanged
    | RoleGranted
    | RoleRevoked
    | UserSuspended
    | UserReinstated
)
