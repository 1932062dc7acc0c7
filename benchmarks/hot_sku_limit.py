"""What PostgreSQL alone does with the reservations of one article: batches made beforehand, and nobody who decides."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from events.store import Appended
from infrastructure.append_call import APPEND, arguments
from infrastructure.batches import Waiting
from infrastructure.committer import Committer
from infrastructure.database import connect
from infrastructure.garbage import rarely_collected

LIMIT = "PostgreSQL alone: the same batches of reservations, made beforehand, one after the other on one connection"


class Scribe(Committer):
    """Writes batches down instead of sending them, and answers as if every append was stored."""

    def __init__(self, url: str) -> None:
        super().__init__(lambda: connect(url))
        self.calls: list[tuple[Any, ...]] = []
        self.appends = 0

    async def _commit(self, batch: list[Waiting]) -> None:
        self.calls.append(arguments([waiting.append for waiting in batch]))
        self.appends += len(batch)
        at = datetime.now(UTC)
        for waiting in batch:
            waiting.append.ticket.stored = True
            waiting.answer(Appended(self.appends, at))
        await asyncio.sleep(0)  # as waiting for the database does, it lets the callers go on


async def stored_per_s(url: str, written: Scribe) -> float:
    """Appends a second, of all that was written down."""
    connection, writer = await connect(url), uuid4()
    try:
        with rarely_collected():
            began = time.perf_counter()
            for number, call in enumerate(written.calls, 1):
                row = await connection.fetchrow(APPEND, writer, number, *call)
                assert row is not None
                assert not any(row["r_failed_condition"])
            return written.appends / (time.perf_counter() - began)
    finally:
        await connection.close()
