"""Hears what other processes have committed: one LISTEN connection feeds the known positions."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
import structlog

from infrastructure.cache_generation import CHANNEL_NAME, GENERATION
from infrastructure.near_cache import NearCache
from infrastructure.positions import Positions
from infrastructure.vault import Vault

CHANNEL = "daybook"
RECONNECT_S = 0.5
CHECK_EVERY_S = 5.0
IDENTITIES_BYTES_MAX = 7_500

_POSITIONS = "SELECT name, position FROM projections"

log = structlog.get_logger(__name__)


async def listen(
    connect: Callable[[], Awaitable[asyncpg.Connection]],
    positions: Positions,
    near: NearCache | None = None,
    vault: Vault | None = None,
) -> None:
    """Until cancelled. A lost wake-up costs its reader a poll, never more, so nothing is caught up here.

    What is kept `near` is let go when the connection is lost, since changes may be missed; so are the keys
    of persons, and how far projections were, since it may be the server that was lost."""
    near, vault = near or NearCache(0), vault or Vault()

    def lost() -> None:
        near.lost()
        vault.clear()
        positions.forgotten()

    while True:
        connection: asyncpg.Connection | None = None
        try:
            connection = await connect()
            connection.add_termination_listener(lambda _: lost())  # before anyone can ask the server that comes after
            await connection.add_listener(CHANNEL, lambda *heard: _heard(positions, near, vault, str(heard[3])))
            near.renewed(await connection.fetchval(GENERATION))
            near.began({row["name"]: row["position"] for row in await connection.fetch(_POSITIONS)})
            while True:
                await asyncio.sleep(CHECK_EVERY_S)
                await connection.execute("SELECT 1", timeout=CHECK_EVERY_S)  # of a machine that is gone nobody hears
        except Exception as error:  # whatever it was: who does not listen any more only notices seconds later
            log.warning("listening_interrupted", error=str(error))
        finally:
            lost()
            if connection is not None:
                with contextlib.suppress(Exception):
                    await connection.close(timeout=1)
        await asyncio.sleep(RECONNECT_S)


def _heard(positions: Positions, near: NearCache, vault: Vault, payload: str) -> None:
    """`head 123`, or names of projections and the position they have reached: `order_summary,sale 123`.

    Before that, what changes there: `!product 123 prd_a prd_b`, without identities everything of that kind. And `* 4`,
    from when on nothing is good that was read before; or `-usr_a`, who is forgotten."""
    if payload.startswith("-"):
        vault.forget(payload[1:])
        return
    if payload.startswith("!"):
        kind, position, *identities = payload[1:].split(" ")
        near.changed(kind, int(position), identities)
        return
    names, _, position = payload.rpartition(" ")
    if names == CHANNEL_NAME:
        near.renewed(int(position))
        return
    for name in names.split(","):
        near.reached(name, int(position))
        positions.advance(name, int(position))


def change_payload(kind: str, position: int, identities: Sequence[str]) -> str:
    """As `_heard` reads it. A payload may have 8,000 bytes; of very many it is said that all have changed."""
    if sum(map(len, identities)) + len(identities) > IDENTITIES_BYTES_MAX:
        return f"!{kind} {position}"
    return " ".join([f"!{kind} {position}", *identities])
