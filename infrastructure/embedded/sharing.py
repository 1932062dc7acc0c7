"""How processes share one embedded server: the first starts its keeper, others join, the last one's leaving ends it."""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal

Kind = Literal["postgres", "valkey"]

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 60.0
_POLL_SECONDS = 0.02


class Unavailable(Exception):
    """An embedded server cannot be started or reached; the message says why and where its log is."""


@contextmanager
def shared(kind: Kind, data_dir: Path, *, throwaway: bool = False) -> Iterator[str]:
    """Join the server of `data_dir`, or start it, and give its URL; on leaving, wait for its end if we were the last.

    Raises:
        Unavailable: it does not start, or the directory belongs to someone else.
    """
    home = data_dir / kind
    try:
        home.mkdir(mode=0o700, exist_ok=True)
        if home.stat().st_uid != os.geteuid():
            raise Unavailable(f"{home} belongs to another user: run Daybook as that user, or set DAYBOOK_DATA_DIR")
        users = (home / "users.lock").open("a")
    except OSError as error:
        raise Unavailable(f"{home} cannot be used: {error}") from None
    with users:
        # One at a time decides whether to start a keeper. A keeper that is stopping holds users.lock until it is done.
        with (home / "start.lock").open("a") as starting:
            _until(lambda: taken(starting, fcntl.LOCK_EX), f"another Daybook is still starting {home}")
            _until(lambda: taken(users, fcntl.LOCK_SH), f"the server in {home} is still stopping")
            url = _url_of_kept(kind, home, throwaway)
        yield url
    _until(lambda: _others_use(home) or _unkept(home), f"the server in {home} is still stopping")


def taken(lock: IO[str], how: int) -> bool:
    """Take a lock, unless someone is in the way."""
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _url_of_kept(kind: Kind, home: Path, throwaway: bool) -> str:
    said, call = home / "server.json", home / "call"
    started = called = False

    def answered() -> bool:
        nonlocal started, called
        with (home / "keeper.lock").open("a") as keeper_lock:
            if not taken(keeper_lock, fcntl.LOCK_EX):
                # One that was just killed may hold its lock a moment longer; only a living one takes the call away.
                if said.exists() and not started and not called:
                    call.touch()
                    called = True
                return said.exists() and not call.exists()
            if started:
                tail = "\n".join((home / "log").read_text(errors="replace").splitlines()[-15:])
                raise Unavailable(f"the embedded {kind} did not start; the end of {home / 'log'}:\n{tail}")
            said.unlink(missing_ok=True)
            call.unlink(missing_ok=True)
            _start_keeper(kind, home, keeper_lock.fileno(), throwaway)
            started = True
            return False

    _until(answered, f"the embedded {kind} is slow to start, see {home / 'log'}")
    return str(json.loads(said.read_text())["url"])


def _start_keeper(kind: Kind, home: Path, lock_fd: int, throwaway: bool) -> None:
    module = "infrastructure.embedded.keeper"
    (home / "log").write_text("")
    with (home / "log").open("a") as log:
        subprocess.run(
            [sys.executable, "-m", module, kind, str(home), str(lock_fd), *(["throwaway"] * throwaway)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            pass_fds=[lock_fd],  # the lock is the keeper's from now on, until it ends
            start_new_session=True,  # Ctrl-C in the terminal is for Daybook; the servers end after it
            check=False,  # when it fails, the lock is free again and the log says why
        )


def _unkept(home: Path) -> bool:
    try:
        with (home / "keeper.lock").open("r") as keeper_lock:
            return taken(keeper_lock, fcntl.LOCK_SH)
    except FileNotFoundError:
        return True  # a throwaway server is gone with its directory


def _others_use(home: Path) -> bool:
    try:
        with (home / "users.lock").open("r") as users:
            # Not even to be shared: the keeper has it and is ending. To be had alone: no one is left.
            return taken(users, fcntl.LOCK_SH) and not taken(users, fcntl.LOCK_EX)
    except FileNotFoundError:
        return False


def _until(done: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + max(START_SECONDS_MAX, STOP_SECONDS_MAX)
    while not done():
        if time.monotonic() > deadline:
            raise Unavailable(otherwise)
        time.sleep(_POLL_SECONDS)
