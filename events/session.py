"""Who came in, by which session, and how that ended. Neither passwords nor tokens nor their hashes are facts."""

from dataclasses import dataclass

from events.values import UserId, personal


@dataclass(frozen=True, slots=True)
class SignedIn:
    session_id: str
    user_id: UserId
    address: str = personal(default="")
    device: str = personal(default="")


@dataclass(frozen=True, slots=True)
class RefreshReused:
    """A refresh token came that had been used before: somebody has a copy, so nobody goes on with it."""

    session_id: str
    user_id: UserId
    address: str = personal(default="")


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """`why` is one of commands.session.Why."""

    session_id: str
    user_id: UserId
    why: str


SessionEvent = SignedIn | RefreshReused | SessionEnded


@dataclass(frozen=True, slots=True)
class SignInRefused:
    """Somebody gave a wrong password for this account. Of a flood of them only some are written down."""

    user_id: UserId
    address: str = personal(default="")


@dataclass(frozen=True, slots=True)
class RegistrationRefused:
    """Somebody wanted to open an account with the address of this one. They are not told that there is one."""

    user_id: UserId
    address: str = personal(default="")


RefusalEvent = SignInRefused | RegistrationRefused
