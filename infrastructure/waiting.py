"""Waits for a database that is not up yet: where everything is started at once, a service may well be the first."""

import asyncio
import time

import structlog

from infrastructure.database import FULL, GONE, NoSession, connect

TRY_EVERY_S = 0.5
log = structlog.get_logger(__name__)


async def await_database(url: str, patience_s: float) -> None:
    """Return once the database takes connections; the log says that it is waited for, and that it is there.

    Raises what `infrastructure.database.connect` does: after `patience_s` seconds, or at once where waiting is in vain.
    """
    began, waited = time.monotonic(), False
    while True:
        try:
            connection = await connect(url)
            break
        except (*GONE, *FULL) as error:
            if patience_s == 0 or _in_vain(error):
                raise
            if not waited:
                log.warning("waiting_for_database", error=str(error) or type(error).__name__, at_most_s=patience_s)
            if time.monotonic() - began + TRY_EVERY_S > patience_s:
                raise
        waited = True
        await asyncio.sleep(TRY_EVERY_S)
    await connection.close()
    if waited:
        log.info("database_reached", after_s=round(time.monotonic() - began, 1))


def _in_vain(error: Exception) -> bool:
    """A pooler where none can be, a certificate or a setting that is wrong, a file that is not there."""
    return isinstance(error, NoSession | ValueError) or getattr(error, "filename", None) is not None
