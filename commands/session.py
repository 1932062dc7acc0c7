"""Writing down who came in and how their sessions ended. Whether a token is good is decided elsewhere, before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from commands.decider import Fold, Read
from events.session import (
    RefreshReused,
    RefusalEvent,
    RegistrationRefused,
    SessionEnded,
    SessionEvent,
    SignedIn,
    SignInRefused,
)
from events.values import UserId

Why = Literal["logged_out", "revoked", "reuse", "password", "roles", "suspended", "forgotten"]
"""A session is over."""


@dataclass(frozen=True, slots=True)
class RecordSignIn:
    session_id: str
    user_id: UserId
    address: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True)
class RecordReuse:
    """A refresh token was used twice, and its session is over."""

    session_id: str
    user_id: UserId
    address: str = ""


@dataclass(frozen=True, slots=True)
class EndSession:
    session_id: str
    user_id: UserId
    why: Why


@dataclass(frozen=True, slots=True)
class RecordRefusal:
    user_id: UserId
    address: str = ""


@dataclass(frozen=True, slots=True)
class RecordRegistration:
    """Somebody wanted to open an account with the address of this user."""

    user_id: UserId
    address: str = ""


SessionCommand = RecordSignIn | RecordReuse | EndSession
RefusalCommand = RecordRefusal | RecordRegistration


@dataclass(frozen=True, slots=True)
class Session:
    opened: bool = False
    reused: bool = False
    ended: bool = False


def evolve(session: Session, event: SessionEvent) -> Session:
    match event:
        case SignedIn():
            return Session(opened=True)
        case RefreshReused():
            return replace(session, reused=True)
        case SessionEnded():
            return replace(session, ended=True)
        case _:
            assert_never(event)


sessions = Fold("session", Session(), evolve)


def evolve_refusals(nothing: None, event: RefusalEvent) -> None:
    """They are counted elsewhere: here it is only written down that they were."""


refusals: Fold[None] = Fold("refusals", None, evolve_refusals)


def decide(command: SessionCommand, read: Read) -> Sequence[SessionEvent]:
    session = read(sessions(command.session_id))
    match command:
        case RecordSignIn(session_id, user_id, address, device):
            return [] if session.opened else [SignedIn(session_id, user_id, address, device)]
        case _ if not session.opened:
            return []
        case RecordReuse(session_id, user_id, address):
            ending = [] if session.ended else [SessionEnded(session_id, user_id, "reuse")]
            return [] if session.reused else [RefreshReused(session_id, user_id, address), *ending]
        case EndSession(session_id, user_id, why):
            return [] if session.ended else [SessionEnded(session_id, user_id, why)]
        case _:
            assert_never(command)


def decide_refusal(command: RefusalCommand, read: Read) -> Sequence[RefusalEvent]:
    read(refusals(command.user_id))
    match command:
        case RecordRefusal(user_id, address):
            return [SignInRefused(user_id, address)]
        case RecordRegistration(user_id, address):
            return [RegistrationRefused(user_id, address)]
        case _:
            assert_never(command)
