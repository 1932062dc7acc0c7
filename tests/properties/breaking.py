"""Breaks the append function of a database on purpose, for examinations that have to find it."""

import re
from collections.abc import Callable, Sequence

import asyncpg

from infrastructure.database import connect


async def broken_in(url: str, replacements: Sequence[tuple[str, str]]) -> None:
    """Each a pattern that must be found, and what is to stand there instead."""
    connection = await connect(url)
    try:
        await connection.execute("CREATE SEQUENCE careless")
        await connection.execute(await _changed(connection, replacements))
    finally:
        await connection.close()


async def _changed(connection: asyncpg.Connection, replacements: Sequence[tuple[str, str]]) -> str:
    text: str = await connection.fetchval("SELECT pg_get_functiondef('append_facts'::regproc)")
    for pattern, replacement in replacements:
        put: Callable[[re.Match[str]], str] = lambda match, text=replacement: text  # type: ignore[misc]  # noqa: E731
        text, times = re.subn(pattern, put, text, flags=re.DOTALL)
        assert times >= 1, f"the function has changed, and {pattern} is not in it: break it another way"
    return text


class Found(Exception):
    """An examination has noticed what it had to, and ends here."""
