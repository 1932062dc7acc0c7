"""One process of the service: an open shop, uvicorn in front of it, and a stop that loses nothing."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator

import structlog
import uvicorn

from api.app import create_app
from api.cli.opening import run
from api.sse import STREAM
from api.wiring import Shop, open_shop
from infrastructure.garbage import rarely_collected
from infrastructure.listening import KEEP_ALIVE_S, allow_connections
from infrastructure.settings import Settings

DRAIN_S = 20
"""How long requests under way may take to finish when the service is asked to stop."""
STREAMS_END_S = 2
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 # nosec B104 # not listened on
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

OnReady = Callable[[Shop], Awaitable[None]]
StopsWith = Callable[[Callable[[int], object]], None]

log = structlog.get_logger("daybook.server")


def serve_alone(settings: Settings, listener: socket.socket, on_ready: OnReady) -> None:
    """Serve until SIGINT or SIGTERM, then finish what is under way. Raises what api.wiring.open_shop raises.

    `on_ready` is called with the open shop before the first request is answered; whoever connects earlier waits."""
    run(_serve(settings, listener, on_ready), settings)


async def _serve(settings: Settings, listener: socket.socket, on_ready: OnReady) -> None:
    with contextlib.suppress(asyncio.CancelledError), stopped_by_signals() as stopped:
        async with open_shop(
            settings, workers=settings.workers_in_process, patience_s=settings.start_patience_seconds
        ) as shop:
            await on_ready(shop)
            allow_connections(settings.feed_listeners)
            server = server_for(settings, shop)
            stopped(lambda number: server.handle_exit(number, None))
            log.info("serving", url=url_of(listener), mode=settings.mode.value)
            with rarely_collected():
                await server.serve(sockets=[listener])
            log.info("stopping")
    log.info("stopped")


async def until(stopped: StopsWith) -> None:
    """Wait for SIGINT or SIGTERM, which cancels the present task."""
    for_ever = asyncio.get_running_loop().create_future()
    stopped(lambda number: for_ever.cancel())
    await for_ever


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[StopsWith]:
    """SIGINT and SIGTERM cancel the present task, until another way to stop is named by what this gives.

    That raises CancelledError if somebody has asked before: what is awaited during a start may lose a cancellation, as
    `asyncio.wait_for` of Python 3.11 does, and the process would then go on for ever."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    asked = False

    def stop_with(stop: Callable[[int], object]) -> None:
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, stop, number)

    def cancel(number: int) -> None:
        nonlocal asked
        asked = True
        stop_with(lambda number: None)  # asked twice, it still leaves in order
        task.cancel()

    def stop_otherwise(stop: Callable[[int], object]) -> None:
        if asked:
            raise asyncio.CancelledError
        stop_with(stop)

    stop_with(cancel)
    try:
        yield stop_otherwise
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)


def url_of(listener: socket.socket) -> str:
    """How a browser on this machine reaches it."""
    host, port = listener.getsockname()[:2]
    here = _EVERYWHERE.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{here}:{port}"


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, shop: Shop) -> None:
        super().__init__(config)
        self._shop = shop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Streams that would go on for ever are ended; one whose client does not take its end is cut off."""
        self._shop.tail.close()
        cutting = asyncio.get_running_loop().call_later(STREAMS_END_S, self._cut_streams)
        await super().shutdown(sockets)
        cutting.cancel()

    def _cut_streams(self) -> None:
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and STREAM in cycle.scope:
                connection.transport.abort()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are handled above: uvicorn would raise them again before the committer is drained."""
        yield


def server_for(settings: Settings, shop: Shop) -> Server:
    """uvicorn as Daybook runs it, in front of an open shop."""
    config = uvicorn.Config(
        create_app(settings, shop),
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_S,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    return Server(config, shop)
