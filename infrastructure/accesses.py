"""The audit trail of what is no fact: who has looked at whose personal data, and who was turned away.

Noting something down costs a request nothing: it is written with what came in the same half second, and what waits is
written before the process ends. Only ids, never what was seen.
"""

import asyncio
from collections.abc import Collection
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Literal

import asyncpg
import structlog

from infrastructure.database import UNREACHABLE, Pool

WRITE_EVERY_S = 0.5
WAITING_MAX = 10_000
"""While the database is away; what is more than that goes into the log instead."""

WRITE = """INSERT INTO accesses (at, what, actor, route, persons, request_id)
    SELECT at, what, actor, route, string_to_array(persons, ','), request_id
      FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
        AS noted (at, what, actor, route, persons, request_id)"""
PRUNE = "SELECT accesses_pruned($1)"

What = Literal["read", "refused"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Access:
    at: datetime
    what: What
    actor: str
    route: str
    persons: str
    """With commas between them."""
    request_id: str


class Accesses:
    """One per process; belongs to its event loop."""

    def __init__(self, pool: Pool, days: int) -> None:
        """What is older than `days` is pruned."""
        self._pool, self._days = pool, days
        self._waiting: list[_Access] = []
        self._writing = asyncio.Lock()

    def note(
        self,
        what: What,
        *,
        actor: str,
        route: str,
        persons: Collection[str] = (),
        request_id: str = "",
    ) -> None:
        """`route` is as in `GET /v1/orders/{order_id}`."""
        access = _Access(datetime.now(UTC), what, actor, route, ",".join(sorted(set(persons))), request_id)
        if len(self._waiting) < WAITING_MAX:
            self._waiting.append(access)
        else:
            log.error("access_not_written", what=what, actor=actor, route=route, persons=access.persons)

    async def write(self) -> None:
        """All that was noted until now is in the table when this returns. Raises what the database does."""
        async with self._writing:
            if not (batch := self._waiting[:]):
                return
            await self._pool.execute(WRITE, *map(list, zip(*map(astuple, batch), strict=True)))
            del self._waiting[: len(batch)]

    async def keep_writing(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.write()
            except (*UNREACHABLE, asyncpg.PostgresError) as error:
                log.warning("accesses_wait", error=str(error))
            await asyncio.sleep(WRITE_EVERY_S)

    async def close(self) -> None:
        """Write what waits; if that cannot be, say how much is lost."""
        try:
            await self.write()
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            log.error("accesses_lost", count=len(self._waiting), error=str(error))

    async def prune(self) -> None:
        await self._pool.fetchval(PRUNE, self._days)
