"""Exit codes that scripts can trust, and one clear line instead of a traceback for what goes wrong outside the code."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What every command ends with."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    UNAVAILABLE = 3


class Refused(Exception):
    """A command cannot do what it was asked; the message says why and what to do."""


class Misused(Exception):
    """A command was asked for something that makes no sense."""


class Missing(Exception):
    """Something that a command needs is not there, such as a free port."""


def explained(error: Exception) -> tuple[ExitCode, str] | None:
    """The exit code and the line for a known trouble; None for a bug, which deserves its traceback."""
    # Here, not above: whoever only asks for help need not wait for drivers to be loaded.
    from commands.rejections import Rejected
    from events.store import Archived, StoreBusy, Unacknowledged
    from infrastructure.cache import CacheRefused
    from infrastructure.codec import Undecodable, UnknownFact
    from infrastructure.database_url import WrongUrl
    from infrastructure.embedded import Unavailable
    from infrastructure.rebuild import NotTheOwner
    from infrastructure.revisions import WrongRevision
    from infrastructure.runtime_role import RoleRefused
    from infrastructure.search_language import LanguageRefused
    from infrastructure.settings import SettingsRefused
    from infrastructure.vault import NoMasterKey

    match error:
        case Refused() | WrongRevision() | LanguageRefused() | Archived():
            return ExitCode.REFUSED, str(error)
        case NoMasterKey() | NotTheOwner() | RoleRefused() | UnknownFact() | Undecodable():
            return ExitCode.REFUSED, str(error)
        case Rejected():
            return ExitCode.REFUSED, error.detail
        case Misused() | SettingsRefused():
            return ExitCode.USAGE, str(error)
        case WrongUrl():
            return ExitCode.USAGE, f"DATABASE_URL: {error}"
        case Missing() | Unavailable() | CacheRefused() | StoreBusy() | Unacknowledged():
            return ExitCode.UNAVAILABLE, str(error)
        case OSError() if error.filename is not None:
            return ExitCode.REFUSED, f"{error.filename}: {error.strerror}"
    return None
