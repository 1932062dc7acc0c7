"""Where an embedded server lives and who runs it, so that no other user of the machine gets in, as root or not.

PostgreSQL refuses to run as root. Root's servers run as `nobody` in a group that no one else has, and what they may
reach is opened to that group only. Directories that Daybook did not make keep their modes: where the server could not
pass through them (a project under /root), its data and a copy of its programs live in /var/lib/daybook-*, and `data`
is a link.
"""

import ctypes
import grp
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

_PR_SET_PDEATHSIG = 1
# The range that systemd sets aside for users and groups without an entry in a file, made for one service's life.
_GROUPS_WITHOUT_A_NAME = range(61_184, 65_520)
# Daybook's secrets are none of the servers' business, and PGPORT and its like must not bend their settings.
CLEAN_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}
_NOT_NEEDED_TO_RUN = shutil.ignore_patterns("include", "__pycache__")


class Identity(TypedDict, total=False):
    """Who runs the server, as `subprocess` takes it; empty when it is whoever runs Daybook."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Lodging:
    """`data` is the server's own directory, `sockets` a short one for its socket, `package` where its programs are."""

    data: Path
    sockets: Path
    package: Path
    identity: Identity = field(default_factory=Identity)

    def run(self, command: list[str], text: str = "") -> None:
        """Run one of the server's programs to its end.

        Raises:
            subprocess.CalledProcessError: it failed; what it said is in the keeper's log.
        """
        subprocess.run(
            command, input=text.encode(), check=True, cwd=self.sockets, env=CLEAN_ENVIRONMENT, **self.identity
        )

    def own(self, path: Path, mode: int) -> None:
        """Give a path that Daybook made to the server."""
        if self.identity:
            os.chown(path, self.identity["user"], self.identity["group"])
        path.chmod(mode)

    def remove(self) -> None:
        """Remove the data, and the directory outside the project when there is one."""
        shutil.rmtree(self.data.parent if self.data.parent.name.startswith("daybook-") else self.data)


def find_lodging(home: Path, package: str) -> Lodging:
    """Make what is missing: `home` is the server's directory under Daybook's own, `package` has its programs."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        sys.exit(f"{package} is not installed: install daybook[embedded], or set DATABASE_URL and REDIS_URL")
    installed = Path(spec.origin).parent
    # Not under TMPDIR, which may be long: the path of a socket has 107 bytes at most.
    sockets = Path(tempfile.mkdtemp(prefix="daybook-", dir="/tmp"))  # nosec B108 # by mkdtemp
    if os.geteuid() != 0:
        return Lodging(home / "data", sockets, installed)

    nobody, group = pwd.getpwnam("nobody").pw_uid, _unused_group()
    os.chown(sockets, 0, group)
    sockets.chmod(0o770)
    data = home / "data"
    outside = data.resolve().parent if data.is_symlink() else None
    if outside is None and not _passable(home.parent):
        outside = Path(tempfile.mkdtemp(prefix="daybook-", dir="/var/lib"))
        if data.exists():  # the project has moved to where the server cannot follow
            shutil.copytree(data, outside / "data")
            shutil.rmtree(data)
        data.symlink_to(outside / "data")
    inside = outside or home
    os.chown(inside, 0, group)
    inside.chmod(0o710)
    if not _passable(installed):
        installed = _copied(installed, inside / "programs")
    identity = Identity(user=nobody, group=group, extra_groups=[])
    return Lodging(inside / "data", sockets, installed, identity)


def dies_with_parent() -> None:
    """Have the kernel stop this process when its keeper dies, however it dies; only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _unused_group() -> int:
    while True:
        group = secrets.choice(_GROUPS_WITHOUT_A_NAME)
        try:
            grp.getgrgid(group)
        except KeyError:
            return group


def _passable(path: Path) -> bool:
    """Whether any user can pass through every directory down to and including `path`."""
    return all(part.stat().st_mode & 0o001 for part in (path.resolve(), *path.resolve().parents))


def _copied(package: Path, programs: Path) -> Path:
    """A copy of the package, and of the libraries beside it, that the server can read; made anew for a new release."""
    version = str(package.stat().st_mtime_ns)
    stamp, copy = programs / "version", programs / package.name
    if not stamp.exists() or stamp.read_text() != version:
        shutil.rmtree(programs, ignore_errors=True)
        for part in (package, package.with_name(package.name + ".libs")):
            if part.exists():
                shutil.copytree(part, programs / part.name, ignore=_NOT_NEEDED_TO_RUN)
        for path in (programs, *programs.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        stamp.write_text(version)
    return copy
