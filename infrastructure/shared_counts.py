"""Lets the processes of one service add up what they count."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus-client keeps counts in files instead of in memory. It looks for it when it is first imported."""


@contextmanager
def counted_together() -> Iterator[None]:
    """Around the processes, before infrastructure.metrics is imported."""
    with TemporaryDirectory(prefix="daybook-counts-") as directory:
        os.environ[SHARED] = directory
        try:
            yield
        finally:
            del os.environ[SHARED]


def forget_process(number: int) -> None:
    """A process has ended: what it had under way is over, what it has counted stays."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(number)
