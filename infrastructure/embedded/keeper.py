"""The process that keeps one embedded server: starts it, starts it again if it dies, stops it when no one uses it.

Run as `python -m infrastructure.embedded.keeper postgres|valkey HOME LOCK_FD [throwaway]`, by sharing.py only.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import psutil

from infrastructure.embedded import postgres, valkey
from infrastructure.embedded.lodging import CLEAN_ENVIRONMENT, Lodging, dies_with_parent, find_lodging
from infrastructure.embedded.sharing import taken

_POLL_SECONDS = 0.05
_READY_SECONDS_MAX = 45.0
# A killed PostgreSQL leaves its sessions a moment to notice, and will not start before they are gone.
_AGAIN_SECONDS = 0.2
# How long each signal is given before the next, harsher one.
_PATIENCE_SECONDS = 20.0


def main() -> None:
    kind, home, lock_fd, throwaway = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), len(sys.argv) > 4
    server: ModuleType = {"postgres": postgres, "valkey": valkey}[kind]
    if os.fork():
        os._exit(0)  # whoever started us has no child to look after; the fork goes on
    os.set_inheritable(lock_fd, False)
    stopping: list[int] = []
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(name, lambda number, _: stopping.append(number))

    with (home / "users.lock").open("a") as users:
        data = (home / "data").resolve()
        _end_servers(data, server)
        lodging = find_lodging(home, server.PACKAGE)
        _link_sockets(home / "sockets", lodging.sockets)
        try:
            server.prepare(lodging)
            process = _start(server.command(lodging), lodging)
            _wait_until(lambda: server.ready(lodging), process)
            _say(home / "server.json", server.url(lodging))
            while not stopping and not taken(users, fcntl.LOCK_EX):
                time.sleep(_POLL_SECONDS)
                (home / "call").unlink(missing_ok=True)  # the answer to whoever wants to join
                if process.poll() is not None:
                    _note(f"{kind} ended with {process.returncode}; starting it again")
                    time.sleep(_AGAIN_SECONDS)
                    _end_servers(lodging.data, server)
                    process = _start(server.command(lodging), lodging)
            (home / "server.json").unlink(missing_ok=True)
            _end_servers(lodging.data, server)
        finally:
            shutil.rmtree(lodging.sockets, ignore_errors=True)
            if throwaway:
                lodging.remove()
                shutil.rmtree(home, ignore_errors=True)
                with suppress(OSError):  # the other server may still be at home
                    home.parent.rmdir()
            # In this order: whoever gets users.lock after us must find no keeper.
            fcntl.flock(lock_fd, fcntl.LOCK_UN)


def _note(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _link_sockets(link: Path, sockets: Path) -> None:
    """Leave a way to the socket under Daybook's directory, and clear away the one of a keeper that was killed."""
    if link.is_symlink():
        shutil.rmtree(link.readlink(), ignore_errors=True)
        link.unlink()
    link.symlink_to(sockets)


def _start(command: list[str], lodging: Lodging) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        cwd=lodging.data,
        env=CLEAN_ENVIRONMENT,
        preexec_fn=dies_with_parent,
        **lodging.identity,
    )


def _wait_until(ready: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _READY_SECONDS_MAX
    while not ready():
        if process.poll() is not None:
            sys.exit(f"the server ended with {process.returncode} before it was ready")
        if time.monotonic() > deadline:
            process.kill()
            sys.exit(f"the server was not ready within {_READY_SECONDS_MAX:.0f} s")
        time.sleep(_POLL_SECONDS / 5)


def _say(path: Path, url: str) -> None:
    written = path.with_suffix(".new")
    written.touch(mode=0o600)
    written.write_text(json.dumps({"url": url, "keeper": os.getpid()}))
    written.rename(path)


def _end_servers(data: Path, server: ModuleType) -> None:
    """End our server, or the one of a keeper that was killed, told by the directory it works in.

    Its pid file is no guide: after a restart of the machine its number may be another process's, and PostgreSQL would
    then refuse to start. Once no process works in the directory, the file is stale for certain.
    """
    working = [process for process in psutil.process_iter() if _works_in(data, process)]
    for process in working:
        with suppress(psutil.NoSuchProcess):  # it may just be ending
            if process.ppid() not in {other.pid for other in working}:
                _stop(process, server.STOP_SIGNALS)
    for name in (signal.SIGTERM, signal.SIGKILL):
        _, working = psutil.wait_procs(working, timeout=_PATIENCE_SECONDS)
        for process in working:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(name)
    for stale in server.STALE_FILES:
        (data / stale).unlink(missing_ok=True)


def _works_in(data: Path, process: psutil.Process) -> bool:
    try:
        return Path(process.cwd()) == data
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # a zombie has no directory any more
        return False


def _stop(process: psutil.Process, stop_signals: list[signal.Signals]) -> None:
    for name in [*stop_signals, signal.SIGKILL]:
        try:
            process.send_signal(name)
            process.wait(_PATIENCE_SECONDS)
        except psutil.TimeoutExpired:
            continue
        except psutil.NoSuchProcess:
            return
        return


if __name__ == "__main__":
    main()
