"""Several processes on one port: they share the socket, one that dies is replaced, and all of them stop together."""

import os
import signal
import socket
import sys
import time
from types import FrameType

import structlog

from api.cli.opening import run
from api.cli.outcome import ExitCode, explained
from api.cli.server import STOP_SIGNALS, OnReady, serve_alone
from api.wiring import Shop, open_shop, urls_of
from infrastructure.embedded import servers_in
from infrastructure.embedded.lodging import dies_with_parent
from infrastructure.settings import Settings
from infrastructure.shared_counts import forget_process

AGAIN_AFTER_S = 1.0
GIVE_UP_WITHIN_S = 5.0
"""A process that gives up sooner than this has met no accident: starting it again would not help."""

log = structlog.get_logger("daybook.supervisor")


def serve_together(settings: Settings, listener: socket.socket, on_ready: OnReady, processes: int) -> int:
    """Serve from so many processes until SIGINT or SIGTERM; the exit code. Raises what open_shop raises."""
    with servers_in(
        settings.data_dir, *urls_of(settings)
    ):  # between the check and the first process, embedded servers stay up
        run(_checked(settings, on_ready), settings)
        return _Family(settings, listener).serve(processes)


async def _checked(settings: Settings, on_ready: OnReady) -> None:
    """One shop before the many: what keeps it from opening is said once, and before anything is forked."""
    async with open_shop(
        settings, workers=settings.workers_in_process, patience_s=settings.start_patience_seconds
    ) as shop:
        await on_ready(shop)


class _Family:
    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._settings, self._listener = settings, listener
        self._born_at: dict[int, float] = {}
        self._stopping = False

    def serve(self, processes: int) -> int:
        for number in STOP_SIGNALS:
            signal.signal(number, self._stop)
        for _ in range(processes):
            self._fork()
        code = 0
        while self._born_at:
            child, status = os.waitpid(-1, 0)
            forget_process(child)
            lived_s = time.monotonic() - self._born_at.pop(child, 0)
            if self._stopping:
                continue
            ended_with = os.waitstatus_to_exitcode(status)  # negative for a signal that killed it
            log.warning("process_ended", process=child, exit_code=ended_with)
            if ended_with > 0 and lived_s < GIVE_UP_WITHIN_S:
                code = ended_with
                self._stop()
            else:
                time.sleep(AGAIN_AFTER_S)
                self._fork()
        return code

    def _fork(self) -> None:
        if self._stopping:
            return
        parent = os.getpid()
        child = os.fork()
        if child:
            self._born_at[child] = time.monotonic()
            return
        # A group of its own: Ctrl-C in the terminal is for the supervisor, which passes it on once.
        os.setpgid(0, 0)
        dies_with_parent()
        if os.getppid() == parent:
            os._exit(_serve(self._settings, self._listener))
        os._exit(ExitCode.OK)

    def _stop(self, number: int = signal.SIGTERM, frame: FrameType | None = None) -> None:
        self._stopping = True
        for child in self._born_at:
            os.kill(child, signal.SIGTERM)


def _serve(settings: Settings, listener: socket.socket) -> int:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    try:
        serve_alone(settings, listener, _nothing)
    except Exception as error:
        known = explained(error)
        log.error("process_failed", error=str(error), exc_info=None if known else error)
        return known[0] if known else ExitCode.REFUSED
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return ExitCode.OK


async def _nothing(shop: Shop) -> None:
    """The supervisor has made everything ready."""
