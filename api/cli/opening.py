"""Opens the shop that a command is about, does the command's work in it, and leaves."""

import ssl
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from api.cli.outcome import Missing
from api.cli.output import errors
from infrastructure import log
from infrastructure.loading import load_for_tool
from infrastructure.settings import Settings

if TYPE_CHECKING:
    from api.wiring import Shop

T = TypeVar("T")


def tool_settings(*, development: bool = False) -> Settings:
    """The settings of a command beside a service. It logs what is wrong only, unless it is told otherwise."""
    settings = load_for_tool(development=development)
    log.configure(settings.log_level if "log_level" in settings.model_fields_set else "warning", settings.log_format)
    return settings


def in_shop(work: "Callable[[Shop], Awaitable[T]]", settings: Settings, *, workers: bool = False) -> T:
    """Do `work` in the shop of these settings. Raises what api.wiring.open_shop and the work raise."""
    from api.wiring import open_shop

    async def opened() -> T:
        status = errors().status("Opening the shop")
        status.start()
        try:
            async with open_shop(settings, workers=workers) as shop:
                status.stop()
                return await work(shop)
        finally:
            status.stop()

    return run(opened(), settings)


def run(work: Coroutine[Any, Any, T], settings: Settings) -> T:
    """Run to the end on uvloop; Ctrl-C cancels the work, lets it clean up, and ends the command.

    Raises Missing where the database is away, and whatever else the work raises."""
    import uvloop

    from infrastructure.database import NO_ENTRY, UNREACHABLE

    try:
        return uvloop.run(work)
    except (*UNREACHABLE, *NO_ENTRY) as error:
        if getattr(error, "filename", None) is not None:  # about a file, not about a server
            raise
        raise Missing(f"the database{_place(settings)} cannot be used: {_said(error)}") from None


def _said(error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return (
                f"its certificate is not trusted: {error.verify_message} "
                "(sslmode and sslrootcert in its URL say whom to trust)"
            )
        case OSError(strerror=str(reason)) if reason:
            return reason
    return str(error) or "no answer in time"


def _place(settings: Settings) -> str:
    """Which database, and where; also past the pooler, if there is one. Never a password."""
    places = [_place_in(url.get_secret_value()) for url in (settings.database_url, settings.database_direct_url) if url]
    return f" {' or, directly, '.join(filter(None, dict.fromkeys(places)))}".rstrip()


def _place_in(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path.removeprefix('/')} at {parts.hostname}:{parts.port or 5432}" if parts.hostname else ""
