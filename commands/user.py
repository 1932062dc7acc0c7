"""Accounts and what they may do. Passwords live elsewhere and are never part of a decision."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from commands.decider import Fold, Read
from commands.rejections import NotFound
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
from events.values import UserId

CUSTOMER, STAFF, ADMIN = "customer", "staff", "admin"
ROLES = (CUSTOMER, STAFF, ADMIN)


@dataclass(frozen=True, slots=True)
class RegisterUser:
    user_id: UserId
    email: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class RenameUser:
    user_id: UserId
    name: str


@dataclass(frozen=True, slots=True)
class ChangeEmail:
    user_id: UserId
    email: str


@dataclass(frozen=True, slots=True)
class VerifyEmail:
    """An answer to a letter came in; it counts only for the address that it was sent to."""

    user_id: UserId
    email: str


@dataclass(frozen=True, slots=True)
class RecordPasswordChange:
    user_id: UserId
    how: Literal["changed", "reset"] = "changed"


@dataclass(frozen=True, slots=True)
class GrantRole:
    user_id: UserId
    role: str


@dataclass(frozen=True, slots=True)
class RevokeRole:
    user_id: UserId
    role: str


@dataclass(frozen=True, slots=True)
class SuspendUser:
    user_id: UserId
    reason: str


@dataclass(frozen=True, slots=True)
class ReinstateUser:
    user_id: UserId


UserCommand = (
    RegisterUser
    | RenameUser
    | ChangeEmail
    | VerifyEmail
    | RecordPasswordChange
    | GrantRole
    | RevokeRole
    | SuspendUser
    | ReinstateUser
)


@dataclass(frozen=True, slots=True)
class User:
    registered: bool = False
    email: str = ""
    name: str = ""
    verified: bool = False
    """Whether the address that the account has now is known to be its owner's."""
    proven: bool = False
    """Whether any of its addresses was."""
    roles: frozenset[str] = frozenset()
    suspended: bool = False


def evolve(user: User, event: UserEvent) -> User:
    match event:
        case UserRegistered(email=email, name=name):
            return User(registered=True, email=email, name=name, roles=frozenset({CUSTOMER}))
        case UserRenamed(name=name):
            return replace(user, name=name)
        case EmailChanged(email=email):
            return replace(user, email=email, verified=False)
        case EmailVerified():
            return replace(user, verified=True, proven=True)
        case PasswordChanged():
            return user
        case RoleGranted(role=role):
            return replace(user, roles=user.roles | {role})
        case RoleRevoked(role=role):
            return replace(user, roles=user.roles - {role})
        case UserSuspended():
            return replace(user, suspended=True)
        case UserReinstated():
            return replace(user, suspended=False)
        case _:
            assert_never(event)


users = Fold("user", User(), evolve)


def decide(command: UserCommand, read: Read) -> Sequence[UserEvent]:
    user = read(users(command.user_id))
    match command:
        case RegisterUser(user_id, email, name):
            return [] if user.registered else [UserRegistered(user_id, email, name)]
        case _ if not user.registered:
            raise NotFound("user", command.user_id)
        case RenameUser(user_id, name):
            return [] if name == user.name else [UserRenamed(user_id, name)]
        case ChangeEmail(user_id, email):
            return [] if email == user.email else [EmailChanged(user_id, email)]
        case VerifyEmail(user_id, email):
            return [EmailVerified(user_id, email)] if email == user.email and not user.verified else []
        case RecordPasswordChange(user_id, how):
            return [PasswordChanged(user_id, how)]
        case GrantRole(user_id, role):
            return [] if role in user.roles else [RoleGranted(user_id, role)]
        case RevokeRole(user_id, role):
            return [RoleRevoked(user_id, role)] if role in user.roles else []
        case SuspendUser(user_id, reason):
            return [] if user.suspended else [UserSuspended(user_id, reason)]
        case ReinstateUser(user_id):
            return [UserReinstated(user_id)] if user.suspended else []
        case _:
            assert_never(command)
