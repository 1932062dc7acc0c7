"""A real `daybook serve` or `worker` in a process of its own, which no test leaves behind, however it ends."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from infrastructure.access_tokens import AccessTokens
from infrastructure.embedded import servers_in
from infrastructure.embedded.lodging import dies_with_parent
from infrastructure.ids import new_id
from tests.e2e.shop_client import SECRET_KEY
from tests.keys import MASTER_KEY
from tests.sandbox import sandbox_url
from tests.waiting import PATIENCE_S

START_WITHIN_S = 90
STOP_WITHIN_S = 60
TOKEN_LIFETIME_S = 900


class Service:
    """`url` is where it listens, if it does; `said` is what it has written on standard output so far."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], logs: Path) -> None:
        self._out, self._err = (logs / f"{time.monotonic_ns()}.{name}" for name in ("out", "err"))
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api.cli", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd="/",
                env={
                    "PATH": os.environ["PATH"],
                    "DAYBOOK_ENV_FILE": "/dev/null",
                    "SECRET_KEY": SECRET_KEY,
                    **({} if "--dev" in arguments else {"DAYBOOK_GATEWAY_URL": sandbox_url()}),
                    "MASTER_KEY": MASTER_KEY,
                    "DAYBOOK_PASSWORD_ROUNDS": "10",
                    **environment,
                },
                preexec_fn=dies_with_parent,
            )
        self.url = ""

    @property
    def said(self) -> str:
        return self._out.read_text()

    def wait_until_ready(self) -> None:
        """Its log says so, with the address: the port is chosen by the system."""
        deadline = time.monotonic() + START_WITHIN_S
        while not self._is_ready():
            assert self.process.poll() is None, f"it ended: {self._err.read_text()}"
            assert time.monotonic() < deadline, f"it does not start: {self._err.read_text()}"
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        whole_lines = self._err.read_text().split("\n")[:-1]
        entries = [json.loads(line) for line in whole_lines if line.startswith("{")]
        ready = [entry for entry in entries if entry["event"] in ("serving", "working")]
        self.url = ready[0].get("url", "") if ready else ""
        return bool(ready)

    def stop(self) -> int:
        """Ask it to stop, as an operator would; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_WITHIN_S)

    def kill(self) -> None:
        """As a crash would."""
        self.process.kill()
        self.process.wait(STOP_WITHIN_S)


@contextlib.contextmanager
def serving(*arguments: str, logs: Path, **environment: str) -> Iterator[Service]:
    """`daybook serve`, ready to be called; ended when the test ends."""
    with running("serve", "--port", "0", *arguments, logs=logs, **environment) as service:
        yield service


@contextlib.contextmanager
def running(*arguments: str, logs: Path, **environment: str) -> Iterator[Service]:
    """Any command that goes on until it is stopped."""
    service = Service(arguments, environment, logs)
    try:
        service.wait_until_ready()
        yield service
    finally:
        if service.process.poll() is None:
            service.kill()


@contextlib.contextmanager
def own_data_dir() -> Iterator[Path]:
    """A directory for embedded servers; afterwards they have ended and it is gone."""
    # Not pytest's, which is closed to others: root's servers run as another user and would live outside of it.
    data_dir = Path(tempfile.mkdtemp(prefix="daybook-tests-"))
    data_dir.chmod(0o711)
    try:
        yield data_dir
    finally:
        with servers_in(data_dir):
            pass  # the last to leave waits for their end
        shutil.rmtree(data_dir)


async def read(http: httpx.AsyncClient, url: str, who: Mapping[str, str], position: int) -> Any:
    """What is answered once the read tables have got to this position."""
    headers = {**who, "Min-Position": str(position), "Prefer": "wait=5"}
    async with asyncio.timeout(PATIENCE_S):
        while (answer := await http.get(url, headers=headers)).status_code == 503:
            pass  # it has waited already
    assert answer.status_code == 200, answer.text
    return answer.json()


def authorization(user_id: str, *roles: str) -> dict[str, str]:
    """The header of someone who has signed in: the key is known, so no password need be hashed."""
    token = AccessTokens(SECRET_KEY, TOKEN_LIFETIME_S).issue(user_id, new_id("ses"), frozenset(roles))
    return {"Authorization": f"Bearer {token}"}
