"""Hears what other processes have committed: one LISTEN connection feeds the known positions."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import asyncpg
import structlog

from infrastructure.positions import Positions

CHANNEL = "daybook"
RECONNECT_S = 0.5
CHECK_EVERY_S = 5.0

log = structlog.get_logger(__name__)


async def listen(connect: Callable[[], Awaitable[asyncpg.Connection]], positions: Positions) -> None:
    """Until cancelled. A lost wake-up costs its reader a poll, never more, so nothing is caught up here."""
    while True:
        connection: asyncpg.Connection | None = None
        try:
            connection = await connect()
            await connection.add_listener(CHANNEL, lambda *heard: _heard(positions, str(heard[3])))
            while True:
                await asyncio.sleep(CHECK_EVERY_S)
                await connection.execute("SELECT 1")
        except Exception as error:  # whatever it was: who does not listen any more only notices seconds later
            log.warning("listening_interrupted", error=str(error))
            await asyncio.sleep(RECONNECT_S)
        finally:
            if connection is not None:
                with contextlib.suppress(Exception):
                    await connection.close(timeout=1)


def _heard(positions: Positions, payload: str) -> None:
    """`head 123`, or names of projections and the position they have reached: `order_summary,sale 123`."""
    names, _, position = payload.rpartition(" ")
    for name in names.split(","):
        positions.advance(name, int(position))
