"""The language that products are searched in: what the text search configuration `shop` stems by, always unaccented."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infrastructure.cache_generation import renew
from infrastructure.database import Connection, connect
from infrastructure.shadow_table import OLD, SHADOW

_KNOWN = """SELECT cfgname::text FROM pg_ts_config
    WHERE pg_ts_config_is_visible(oid) AND cfgname NOT IN ('shop', 'plain') ORDER BY 1"""
_MAPPING = """SELECT alias, array_agg(mapdict::regdictionary::text ORDER BY mapseqno) AS dictionaries
    FROM pg_ts_config_map JOIN ts_token_type('default') ON tokid = maptokentype
    WHERE mapcfg = $1::text::regconfig GROUP BY alias"""
_MAY_HAVE_ACCENTS = {"hword", "hword_part", "word"}
_STEMMED = ("listing", f"listing{OLD}")
_THERE = "SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL"
_BEGIN_ANEW = "UPDATE projections SET source = NULL, epoch = epoch + 1, lease_until = '-infinity' WHERE name = $1"

Mapping = dict[str, list[str]]
"""To which dictionaries each kind of token is given, in order."""


class LanguageRefused(Exception):
    """The database does not search in this language, or not yet; the message says what to do."""


async def check(url: str, language: str) -> None:
    """Raise LanguageRefused unless products are searched in `language`, a text search configuration of the database."""
    async with _connected(url) as connection:
        if await _mapping(connection, "shop") != await _wanted(connection, language):
            raise LanguageRefused(f"products are not searched in {language} yet: run `daybook migrate`")


async def speak(url: str, language: str) -> bool:
    """Have products searched in `language` from now on; whether they were not before.

    All in one transaction: until it ends, searches go on in the old language, and the listing's projector waits. That
    takes about 15 s per 100,000 products. A rebuild of the listing that is under way is given up, and begins anew when
    it is asked for again. Raises LanguageRefused if the database has no such text search configuration."""
    async with _connected(url) as connection, connection.transaction():
        tables = [row["name"] for row in await connection.fetch(_THERE, _STEMMED)]
        # Nobody may write rows in the old language while those that are there are stemmed anew.
        await connection.execute(f"LOCK TABLE {', '.join(tables)} IN SHARE ROW EXCLUSIVE MODE")
        spoken, wanted = await _mapping(connection, "shop"), await _wanted(connection, language)
        if spoken == wanted:
            return False
        for alias in spoken:
            await connection.execute(f"ALTER TEXT SEARCH CONFIGURATION shop DROP MAPPING FOR {alias}")
        for alias, dictionaries in wanted.items():
            given = ", ".join(dictionaries)
            await connection.execute(f"ALTER TEXT SEARCH CONFIGURATION shop ADD MAPPING FOR {alias} WITH {given}")
        for table in tables:  # what is generated is generated anew
            await connection.execute(f"UPDATE {table} SET name = name")  # nosec B608 # names from the catalog
        await connection.execute(_BEGIN_ANEW, f"listing{SHADOW}")
        await renew(connection)
        return True


async def _wanted(connection: Connection, language: str) -> Mapping:
    known = [row["cfgname"] for row in await connection.fetch(_KNOWN)]
    if language not in known:
        raise LanguageRefused(f"DAYBOOK_SEARCH_LANGUAGE: the database knows no {language}, but {', '.join(known)}")
    mapping = await _mapping(connection, language)
    for alias in _MAY_HAVE_ACCENTS & mapping.keys():
        mapping[alias] = ["unaccent", *(each for each in mapping[alias] if each != "unaccent")]
    return mapping


async def _mapping(connection: Connection, configuration: str) -> Mapping:
    return {row["alias"]: row["dictionaries"] for row in await connection.fetch(_MAPPING, configuration)}


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Connection]:
    connection = await connect(url)
    try:
        yield connection
    finally:
        await connection.close()
