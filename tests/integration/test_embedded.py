"""The embedded servers: shared, durable, private, and never left behind, however their users end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

from infrastructure.embedded import Servers, Unavailable, open_servers, servers_in
from tests.waiting import PATIENCE_S

USER = """
import json, sys
from pathlib import Path
from infrastructure.embedded import servers_in, throwaway_servers
with servers_in(Path(sys.argv[1])) if len(sys.argv) > 1 else throwaway_servers() as servers:
    print(json.dumps([servers.database_url, servers.redis_url]), flush=True)
    sys.stdin.read()
"""


class User:
    """Another Daybook process that uses the servers until it is told to leave, or is killed."""

    def __init__(self, *data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, *map(str, data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/"
        )
        assert self.process.stdout is not None
        self.servers = Servers(*json.loads(self.process.stdout.readline()))

    def leave(self) -> None:
        self.process.communicate(timeout=PATIENCE_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=PATIENCE_S)


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    # pytest closes its directory to others, so that root's servers find their data outside of it.
    yield tmp_path / ".daybook"
    _eventually(lambda: not _processes_of(tmp_path / ".daybook"))
    _remove_outside(tmp_path / ".daybook")


def _remove_outside(data_dir: Path) -> None:
    for link in data_dir.glob("*/data"):
        if link.is_symlink():
            shutil.rmtree(link.resolve().parent)


def _processes_of(data_dir: Path) -> list[psutil.Process]:
    """Keepers of the directory, and servers that work in it."""
    homes = {str((data_dir / kind / "data").resolve()) for kind in ("postgres", "valkey")}
    found = []
    for process in psutil.process_iter():
        try:
            theirs = str(data_dir) in " ".join(process.cmdline()) or process.cwd() in homes
            if theirs and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # gone while we looked
            continue
    return found


def _eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def _ask(servers: Servers, statement: str) -> Any:
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return None if row is None else row[0]


def _write(servers: Servers, value: int) -> None:
    _ask(servers, "CREATE TABLE IF NOT EXISTS kept (value int)")
    _ask(servers, f"INSERT INTO kept VALUES ({value})")
    with redis.Redis.from_url(servers.redis_url) as client:
        client.set("kept", value)


def _kept(servers: Servers) -> int:
    return int(_ask(servers, "SELECT count(*) FROM kept"))


def test_they_are_durable_and_on_private_sockets(data_dir: Path) -> None:
    with servers_in(data_dir) as servers:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert _ask(servers, f"SHOW {setting}") == "on"
        assert _ask(servers, "SHOW listen_addresses") == ""
        assert int(_ask(servers, "SHOW server_version_num")) >= 180000
        with redis.Redis.from_url(servers.redis_url) as client:
            assert client.config_get("appendonly") == {"appendonly": "yes"}
            assert client.config_get("port") == {"port": "0"}
        for kind in ("postgres", "valkey"):
            sockets = (data_dir / kind / "sockets").resolve()
            assert not sockets.stat().st_mode & 0o007, "others could reach the socket"
    _eventually(lambda: not _processes_of(data_dir))


async def test_servers_that_are_named_are_used_as_they_are(tmp_path: Path) -> None:
    async with open_servers("postgresql://h/d", "redis://h", tmp_path / "untouched") as servers:
        assert servers == Servers("postgresql://h/d", "redis://h")
    assert not (tmp_path / "untouched").exists()


def test_two_processes_share_them_and_the_last_one_ends_them(data_dir: Path) -> None:
    first, second = User(data_dir), User(data_dir)
    assert first.servers == second.servers
    first.leave()
    _write(second.servers, 1)
    second.leave()
    _eventually(lambda: not _processes_of(data_dir))


def test_a_killed_user_takes_its_servers_along_and_loses_nothing(data_dir: Path) -> None:
    user = User(data_dir)
    _write(user.servers, 1)
    user.kill()
    with servers_in(data_dir) as servers:  # at once: the old ones may still be stopping
        assert _kept(servers) == 1
    user = User(data_dir)
    user.kill()
    _eventually(lambda: not _processes_of(data_dir))


def test_everything_killed_at_once_loses_nothing(data_dir: Path) -> None:
    user = User(data_dir)
    _write(user.servers, 1)
    for process in _processes_of(data_dir):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    user.kill()
    with servers_in(data_dir) as servers:
        assert _kept(servers) == 1
        assert len(list(Path("/tmp").glob(Path(user.servers.redis_url[7:]).parent.name))) == 0, "an old socket is left"


def test_a_killed_keeper_leaves_servers_that_the_next_start_ends(data_dir: Path) -> None:
    user = User(data_dir)
    _write(user.servers, 1)
    for kind in ("postgres", "valkey"):
        os.kill(json.loads((data_dir / kind / "server.json").read_text())["keeper"], signal.SIGKILL)
    user.kill()
    with servers_in(data_dir) as servers:
        assert _kept(servers) == 1


def test_a_server_that_dies_comes_back_at_the_same_url(data_dir: Path) -> None:
    with servers_in(data_dir) as servers:
        _write(servers, 1)
        postmaster = int((data_dir / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)

        def is_back() -> bool:
            try:
                return _kept(servers) == 1
            except psycopg.OperationalError:
                return False

        _eventually(is_back)


def test_no_directory_of_others_changes_its_mode(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    project = closed / "project"
    project.mkdir(parents=True)
    closed.chmod(0o700)
    before = {path: path.stat().st_mode for path in (project, *project.parents, Path(sys.prefix))}
    for _ in range(2):
        with servers_in(project / ".daybook") as servers:
            _write(servers, 1)
            assert {path: path.stat().st_mode for path in before} == before
    with servers_in(project / ".daybook") as servers:
        assert _kept(servers) == 2
    data = project / ".daybook" / "postgres" / "data"
    assert data.is_symlink() == (os.geteuid() == 0), "root's server cannot pass a closed directory, a user's own can"
    _remove_outside(project / ".daybook")


def test_throwaway_servers_go_with_their_user_even_if_it_is_killed() -> None:
    user = User()
    data = Path(_ask(user.servers, "SHOW data_directory"))
    assert data.exists()
    user.kill()
    _eventually(lambda: not data.parents[1].exists() and not _processes_of(data.parents[1]))


def test_the_reason_is_said_when_a_server_cannot_start(data_dir: Path) -> None:
    with servers_in(data_dir):
        pass
    (data_dir / "postgres" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(Unavailable, match=r"did not start(?s:.*)incompatible"), servers_in(data_dir):
        pass
