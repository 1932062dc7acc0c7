"""Accounts and what they may do. Passwords live elsewhere and are never part of a decision."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from commands.decider import Fold, Read
from commands.rejections import NotFound
from events.user import RoleGranted, RoleRevoked, UserEvent, UserRegistered
from events.values import UserId

CUSTOMER, STAFF, ADMIN = "customer", "staff", "admin"
ROLES = (CUSTOMER, STAFF, ADMIN)


@dataclass(frozen=True, slots=True)
class RegisterUser:
    user_id: UserId
    email: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class GrantRole:
    user_id: UserId
    role: str


@dataclass(frozen=True, slots=True)
class RevokeRole:
    user_id: UserId
    role: str


UserCommand = RegisterUser | GrantRole | RevokeRole


@dataclass(frozen=True, slots=True)
class User:
    registered: bool = False
    roles: frozenset[str] = frozenset()


def evolve(user: User, event: UserEvent) -> User:
    match event:
        case UserRegistered():
            return User(registered=True, roles=frozenset({CUSTOMER}))
        case RoleGranted(role=role):
            return replace(user, roles=user.roles | {role})
        case RoleRevoked(role=role):
            return replace(user, roles=user.roles - {role})
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
        case GrantRole(user_id, role):
            return [] if role in user.roles else [RoleGranted(user_id, role)]
        case RevokeRole(user_id, role):
            return [RoleRevoked(user_id, role)] if role in user.roles else []
        case _:
            assert_never(command)
