"""What makes everything cached void at once: a read table was replaced or mended, which no position tells of.

The number goes up in the transaction that does it, and all processes hear of it with that. An entry is of the
generation that was known before its rows were read; who knows of a later one does not take it."""

from infrastructure.database import Connection

CHANNEL_NAME = "*"
"""Stands before the generation where otherwise the names of projections stand before their position."""

GENERATION = "SELECT generation FROM cache_generation"
RENEW = f"""WITH renewed AS (UPDATE cache_generation SET generation = generation + 1 RETURNING generation)
    SELECT pg_notify('daybook', '{CHANNEL_NAME} ' || generation) FROM renewed"""


async def renew(connection: Connection) -> None:
    """In the caller's transaction, at its end: two of them take turns here."""
    await connection.execute(RENEW)
