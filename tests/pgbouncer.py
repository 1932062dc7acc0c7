"""A real pgbouncer in transaction mode in front of a test's database, on a unix socket of its own."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit, urlunsplit

from infrastructure.embedded.lodging import dies_with_parent

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
SERVER_CONNECTIONS = 4
"""Fewer than Daybook opens to it, so that sessions are shared from the first moment."""
READY_WITHIN_S = 60

# Just what transaction mode needs: no ignore_startup_parameters, no max_prepared_statements.
SETTINGS = """
[databases]
* = {server}
[pgbouncer]
pool_mode = transaction
auth_type = any
unix_socket_dir = {sockets}
listen_port = 6432
default_pool_size = {size}
max_client_conn = 500
server_login_retry = 1
logfile = {sockets}/log
"""


class PgBouncer:
    """`url(database_url)` names the same database through it. `kill` and `start` are for crashes."""

    def __init__(self, database_url: str, home: Path) -> None:
        assert PROGRAM is not None
        self._home, self._settings = home, home / "pgbouncer.ini"
        parts = urlsplit(database_url)
        socket = parse_qs(parts.query).get("host", [""])[0]
        server = {
            "host": socket or parts.hostname,
            "port": parts.port or 5432,
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
        }
        line = " ".join(f"{name}='{value}'" for name, value in server.items() if value)
        self._settings.write_text(SETTINGS.format(server=line, sockets=home, size=SERVER_CONNECTIONS))
        # It refuses to run as root; whoever runs the embedded server can reach its socket.
        owner = Path(socket).stat() if socket else self._settings.stat()
        self._identity: dict[str, int | list[int]] = {}
        if os.geteuid() == 0:
            user = _owner_of(Path(socket)) if socket else 65_534
            self._identity = {"user": user, "group": owner.st_gid if socket else 65_534, "extra_groups": []}
            os.chown(home, user, -1)

    def url(self, database_url: str) -> str:
        parts = urlsplit(database_url)
        query = f"host={quote(str(self._home))}&port=6432"
        return urlunsplit(parts._replace(netloc=f"{parts.username or 'daybook'}@", query=query))

    def start(self) -> None:
        socket = self._home / ".s.PGSQL.6432"
        socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(  # type: ignore[call-overload]
            [PROGRAM, str(self._settings)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=dies_with_parent,
            **self._identity,
        )
        deadline = time.monotonic() + READY_WITHIN_S
        while not socket.exists():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.01)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def log(self) -> str:
        return (self._home / "log").read_text()


def _owner_of(sockets: Path) -> int:
    return next(sockets.glob(".s.PGSQL.*")).stat().st_uid


@contextmanager
def in_front(database_url: str) -> Iterator[PgBouncer]:
    """In front of the server of this URL, with nothing in its settings beside the mode; gone in the end."""
    home = Path(tempfile.mkdtemp(prefix="daybook-pgbouncer-", dir="/tmp"))
    home.chmod(0o755)
    bouncer = PgBouncer(database_url, home)
    try:
        bouncer.start()
        yield bouncer
    finally:
        bouncer.kill()
        shutil.rmtree(home)
