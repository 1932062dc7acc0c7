"""Work that a request starts and does not wait for, by name, ended with the process."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class Background:
    """At most one piece of work of each name at a time. Belongs to one event loop."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def start(self, name: str, work: Coroutine[Any, Any, Any]) -> bool:
        """False, and nothing started, if work of this name is still going on."""
        if name in self._tasks:
            work.close()
            return False
        task = self._tasks[name] = asyncio.create_task(work, name=name)
        task.add_done_callback(lambda task: self._ended(name, task))
        return True

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _ended(self, name: str, task: "asyncio.Task[Any]") -> None:
        del self._tasks[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background_work_failed", work=name, exc_info=error)
