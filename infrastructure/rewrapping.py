"""One master key takes the place of another: all keys of persons are wrapped anew, while the shop goes on."""

from typing import Any, Protocol

from infrastructure.vault import MasterKeys, Rows

PAGE_PERSONS = 1_000
# A page at a time: keys that are made or destroyed meanwhile are not touched, as they are not what was read any more.
BUT = "SELECT * FROM person_keys_but($1, $2, $3)"
REWRAPPED = "SELECT person_keys_rewrapped($1::text[], $2::bytea[], $3::bytea[], $4)"


class Database(Rows, Protocol):
    async def fetchval(self, query: str, *arguments: Any) -> Any: ...


async def rewrap(database: Database, masters: MasterKeys) -> int:
    """Wrap all keys under the current master key that are not; how many. Can be interrupted and repeated.

    Raises infrastructure.vault.NoMasterKey if one is wrapped by a key that is not at hand."""
    changed, last = 0, ""
    while (rows := await database.fetch(BUT, masters.current, last, PAGE_PERSONS)) or last:
        if not rows:  # at the end: whoever still wraps by the old one may have made keys behind our back
            last = ""
            continue
        persons, wrapped, _ = zip(*rows, strict=True)
        anew = [masters.wrapped(person, masters.unwrapped(person, *rest)) for person, *rest in rows]
        changed += await database.fetchval(REWRAPPED, persons, wrapped, anew, masters.current)
        last = persons[-1]
    return changed
