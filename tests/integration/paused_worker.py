"""A worker in a process of its own, which can be told to stop itself (SIGSTOP) at the worst moment of a page.

Run as `python -m tests.integration.paused_worker SETTINGS`, where SETTINGS is a `Pausing` in JSON.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from infrastructure import database, leases, projector
from infrastructure.committer import Committer
from infrastructure.database import connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.positions import Positions
from infrastructure.projector import Projector
from infrastructure.read_table import ReadTable
from tests.integration.tally import tally

LEASE_S = 0.6
IDLE_IN_TRANSACTION_MS = 1_500

Moment = Literal["", "facts read", "rows folded", "checkpoint written", "rows written"]


@dataclass(frozen=True, slots=True)
class Pausing:
    """Where `pause` exists, the worker removes it and stops at `moment` of the page it is at."""

    url: str
    table: str
    owner: str
    pause: str
    moment: Moment = ""
    fenced: bool = True

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.integration.paused_worker", json.dumps(asdict(self))]


def main(settings: Pausing) -> None:
    leases.LEASE_S = LEASE_S
    vars(projector).update(RENEW_EVERY_S=LEASE_S / 3, POLL_S=0.1)
    assert "idle_in_transaction_session_timeout" in database._SESSION, "a paused worker would hold its locks for hours"
    database._SESSION |= {
        "application_name": settings.owner,
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
    }
    if not settings.fenced:
        fence = "AND p.epoch = mine.epoch AND p.position = $4"
        assert fence in leases._ADVANCE
        leases._ADVANCE = leases._ADVANCE.replace(fence, "AND $4::bigint IS NOT NULL")
    asyncio.run(_work(settings))


async def _work(settings: Pausing) -> None:
    url, positions = settings.url, Positions()
    async with open_pool(url, 3) as pool, Committer(lambda: connect(url)) as committer:
        store = PostgresEventStore(pool, committer, positions)
        read_page, stop_with_facts = store.read_page, _stopping(settings, "facts read")

        async def stopping_read(*arguments: Any, **named: Any) -> Any:
            page = await read_page(*arguments, **named)
            if page.facts:
                stop_with_facts()
            return page

        store.read_page = stopping_read  # type: ignore[method-assign]
        worker = Projector(pool, store, positions, [tally(settings.table)], owner=settings.owner, page_facts=10)
        advance, write = worker._leases.advance, ReadTable.write
        stop_before = _stopping(settings, "rows folded")
        stop_after = _stopping(settings, "checkpoint written")
        stop_with_rows = _stopping(settings, "rows written")

        async def stopping_advance(*arguments: Any, **options: Any) -> None:
            stop_before()
            await advance(*arguments, **options)
            stop_after()

        async def stopping_write(*arguments: Any) -> None:
            await write(*arguments)
            stop_with_rows()

        worker._leases.advance = stopping_advance  # type: ignore[method-assign]
        ReadTable.write = stopping_write  # type: ignore[method-assign, assignment]
        await worker.run()


def _stopping(settings: Pausing, moment: Moment) -> Callable[[], None]:
    pause = Path(settings.pause)

    def stop() -> None:
        if settings.moment == moment and pause.exists():
            pause.unlink()
            os.kill(os.getpid(), signal.SIGSTOP)

    return stop


if __name__ == "__main__":
    main(Pausing(**json.loads(sys.argv[1])))
