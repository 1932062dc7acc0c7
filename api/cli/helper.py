"""A worker of its own beside a busy command, so that the read tables keep up while the command's loop is full."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from infrastructure.embedded.lodging import dies_with_parent
from infrastructure.settings import Settings

STOP_WITHIN_S = 15


@contextlib.contextmanager
def helping_worker(settings: Settings) -> Iterator[None]:
    """Run `daybook worker` meanwhile. With a worker elsewhere, the two share the work."""
    level = settings.log_level if "log_level" in settings.model_fields_set else "warning"
    worker = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "worker", *(["--dev"] if settings.development else [])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "DAYBOOK_LOG_LEVEL": level},
        preexec_fn=dies_with_parent,
    )
    try:
        yield
    finally:
        worker.terminate()
        try:
            worker.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
