"""`daybook serve`: the shop on a port, in one process or several."""

import socket
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer
from rich.status import Status

from api.cli.outcome import Missing
from api.cli.output import errors, say
from infrastructure import log
from infrastructure.listening import open_listener
from infrastructure.loading import load
from infrastructure.settings import Settings
from infrastructure.shared_counts import counted_together

if TYPE_CHECKING:
    from api.wiring import Shop

CAUGHT_UP_WITHIN_S = 60


def serve(
    dev: Annotated[
        bool,
        typer.Option("--dev", help="Development mode: embedded servers, a demo shop in an empty store, demo users."),
    ] = False,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="The port; in development the next free one if it is taken.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="How many processes share the port.")] = 1,
    workers_in_process: Annotated[
        bool | None, typer.Option(help="Whether to run projections and policies here, or leave them to `worker`.")
    ] = None,
) -> None:
    """Serve the shop: the API, its documentation and, unless told otherwise, the projections."""
    settings = load(development=dev)
    given = {"host": host, "port": port, "workers_in_process": workers_in_process}
    settings = settings.model_copy(update={name: value for name, value in given.items() if value is not None})
    log.configure(settings.log_level, settings.log_format)
    together = counted_together() if processes > 1 else nullcontext()
    with together, _listener(settings) as listener, errors().status("Opening the shop") as status:
        from api.cli.server import serve_alone, url_of
        from api.cli.supervisor import serve_together

        if settings.public_url is None:  # where the sandbox finds us, whichever port was free
            settings = settings.model_copy(update={"public_url": url_of(listener)})
        on_ready = _preparing(url_of(listener), status) if settings.development else _nothing(status)
        if processes == 1:
            serve_alone(settings, listener, on_ready)
        else:
            raise typer.Exit(serve_together(settings, listener, on_ready, processes))


def _listener(settings: Settings) -> socket.socket:
    try:
        listener = open_listener(settings.host, settings.port, or_next=settings.development)
    except OSError as error:
        raise Missing(f"{error.strerror} (choose another with --port or DAYBOOK_PORT)") from None
    if settings.port not in (0, taken := listener.getsockname()[1]):
        say(f"Port {settings.port} is in use: listening on {taken} instead.", "yellow")
    return listener


def _preparing(url: str, status: Status) -> "Callable[[Shop], Awaitable[None]]":
    """In development: fill an empty store, and say what to open."""

    async def get_ready(shop: "Shop") -> None:
        from api.cli.welcome import welcome
        from api.demo_shop import demo_users, fill_if_empty
        from api.progress import caught_up

        filled = await fill_if_empty(shop, on_filling=lambda: status.update("Filling it with a grocer's sales"))
        if filled and shop.settings.workers_in_process:
            await caught_up(shop, CAUGHT_UP_WITHIN_S)
        users = await demo_users(shop)
        status.stop()
        welcome(shop.settings, url, users)

    return get_ready


def _nothing(status: Status) -> "Callable[[Shop], Awaitable[None]]":
    """Production has nothing to prepare: it refuses to start where something is missing."""

    async def get_ready(shop: "Shop") -> None:
        status.stop()

    return get_ready
