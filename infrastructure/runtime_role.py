"""What the database role of a running service may do: all that it needs, and nothing that changes the past.

The role that migrates owns everything. The service's own may add facts only through `append_facts`, cannot change or
remove any, and gets at the keys of persons only by name, through the functions for it.
"""

from infrastructure.database import Connection, connect

# All else are read tables and working state, which the service reads and writes as it likes.
THE_BOOK = {
    "facts": ["SELECT"],
    "streams": ["SELECT"],
    # Its row is locked to wait for an append; `one` cannot be anything else.
    "head": ["SELECT", "UPDATE (one)"],
    "seals": ["SELECT", "INSERT"],
    "archives": ["SELECT"],
    "alembic_version": ["SELECT"],
    "idempotency_keys": ["SELECT", "DELETE", "UPDATE (recorded_at)"],  # pruned, which locks what is to go
    "writers": ["SELECT", "DELETE"],
    "accesses": ["SELECT", "INSERT"],
    "person_keys": [],
}
FUNCTIONS = ("append_facts", "accesses_pruned", "person_keys_of", "person_keys_made", "person_keys_masters")
TABLES = """SELECT c.relname::text FROM pg_class c
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
        AND NOT c.relispartition AND c.relname !~ '^facts_from_'"""
# Its own rights would come to more than what it is granted here.
TOO_MIGHTY = """SELECT CASE WHEN r.rolsuper THEN 'is a superuser'
        WHEN pg_has_role(r.oid, current_user, 'MEMBER') THEN 'is the owner of the tables, or may become it'
        WHEN has_schema_privilege(r.oid, current_schema()::regnamespace, 'CREATE')
            THEN format('may create things in schema %s: REVOKE CREATE ON SCHEMA %1$s FROM PUBLIC', current_schema())
    END FROM pg_roles r WHERE r.rolname = $1"""


class RoleRefused(Exception):
    """There is no such role, or it may do more than a service should; the message says which."""


async def grant(url: str, role: str) -> None:
    """Give the role what a service needs, and take whatever else it was given; `url` is the owner's.

    To be repeated after each migration, which may have made tables. Raises RoleRefused."""
    connection = await connect(url)
    try:
        async with connection.transaction():
            await _grant(connection, role)
    finally:
        await connection.close()


async def _grant(connection: Connection, role: str) -> None:
    found = await connection.fetchrow(TOO_MIGHTY, role)
    if found is None:
        raise RoleRefused(f"there is no role {role}: CREATE ROLE it, WITH LOGIN and a password")
    if found[0] is not None:
        raise RoleRefused(f"the role {role} {found[0]}")
    schema, name = await connection.fetchval("SELECT quote_ident(current_schema())"), await _quoted(connection, role)
    await connection.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {name}")
    await connection.execute(f"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {schema} FROM {name}")
    await connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO {name}")
    await connection.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {name}")
    for function in FUNCTIONS:
        await connection.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {name}")
    for (table,) in await connection.fetch(TABLES):
        rights = THE_BOOK.get(table, ["SELECT", "INSERT", "UPDATE", "DELETE"])
        if rights:
            await connection.execute(f"GRANT {', '.join(rights)} ON {await _quoted(connection, table)} TO {name}")


async def _quoted(connection: Connection, name: str) -> str:
    quoted: str = await connection.fetchval("SELECT quote_ident($1)", name)
    return quoted
