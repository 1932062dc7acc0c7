"""Daybook's own commands as processes of their own, on the benchmark's servers, and how much memory they took."""

import base64
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks.ground import Ground

ROOT = Path(__file__).resolve().parents[1]
# The processes of one shop share them.
SECRET_KEY, MASTER_KEY = secrets.token_urlsafe(32), b64encode(secrets.token_bytes(32)).decode()
LOOK_EVERY_S = 0.05
STOP_WITHIN_S = 30.0
NOBODY = "http://127.0.0.1:9"
"""A gateway for those who take no payments."""


def environment(ground: Ground, database_url: str, gateway_url: str = NOBODY) -> dict[str, str]:
    """Production mode, as an operator sets it up; Redis entries under a prefix of their own."""
    return {
        **os.environ,
        "DAYBOOK_MODE": "production",
        "DATABASE_URL": database_url,
        "REDIS_URL": ground.redis_url,
        "SECRET_KEY": SECRET_KEY,
        "DAYBOOK_GATEWAY_URL": gateway_url,
        "MASTER_KEY": MASTER_KEY,
        "DAYBOOK_KEY_PREFIX": f"daybook-bench-{secrets.token_hex(4)}:",
        "DAYBOOK_LOG_LEVEL": "info",
        "DAYBOOK_LOG_FORMAT": "json",
    }


@dataclass(slots=True)
class Child:
    """A running process. If it is `watched`, `peak_mb` is the most that it, or any one process it started, held in
    memory (RSS), and `together_mb` the most that all of them held at a time: what they share counts once (PSS)."""

    process: "subprocess.Popen[str]"
    log: Path
    peak_mb: float = 0.0
    together_mb: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.process.pid)
            while not self._over.wait(LOOK_EVERY_S):
                self._look([process, *process.children(recursive=True)])

    def _look(self, processes: Sequence[psutil.Process]) -> None:
        """Alone, a process shares with nobody: that its pages need not be gone through saves a tenth of a processor."""
        together = 0
        for each in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                memory = each.memory_full_info() if len(processes) > 1 else each.memory_info()
                self.peak_mb = max(self.peak_mb, memory.rss / 1e6)
                together += getattr(memory, "pss", memory.rss)
        self.together_mb = max(self.together_mb, together / 1e6)

    def stop_watching(self) -> None:
        self._over.set()

    def port_said(self) -> int:
        """Wait for the line of the log that says where the service listens. Raises RuntimeError if it ends instead."""
        while self.process.poll() is None:
            for line in self.log.read_text().splitlines():
                if '"serving"' in line:
                    return urlsplit(json.loads(line)["url"]).port or 80
            time.sleep(LOOK_EVERY_S)
        raise RuntimeError(self.last_words())

    def last_words(self) -> str:
        return f"{self.process.args!r} ended with {self.process.returncode}: {self.log.read_text()[-2_000:]}"


@contextlib.contextmanager
def child(module: str, *arguments: str, env: Mapping[str, str], watched: bool = False) -> Iterator[Child]:
    """`python -m module arguments`, stopped in the end if it still runs. Its stdout is a pipe, its stderr the log.

    Only where memory is the figure is it `watched`: each look goes through all processes of the machine, which would
    take a fifth of a processor from those who are measured."""
    command = [sys.executable, "-m", module, *arguments]
    with (
        tempfile.NamedTemporaryFile("w", prefix="daybook-bench-") as log,
        subprocess.Popen(command, cwd=ROOT, env=dict(env), stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        started = Child(process, Path(log.name))
        watching = threading.Thread(target=started.watch)
        if watched:
            watching.start()
        try:
            yield started
        finally:
            started.stop_watching()
            if watched:
                watching.join()
            process.terminate()
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def sandbox_gateway() -> Iterator[str]:
    """The sandbox as a process of its own; its URL."""
    with tempfile.TemporaryDirectory(prefix="daybook-bench-") as data_dir:
        secret = base64.b64encode(secrets.token_bytes(32)).decode()
        env = {**os.environ, "DAYBOOK_MODE": "development", "DAYBOOK_DATA_DIR": data_dir, "DAYBOOK_LOG_FORMAT": "json"}
        with child(
            "api.cli", "sandbox-gateway", "--port", "0", env={**env, "DAYBOOK_WEBHOOK_SECRET": secret}
        ) as served:
            yield f"http://127.0.0.1:{served.port_said()}"
