"""The `eventsourcing` library as its documentation sets it up, for comparison."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict

from eventsourcing.postgres import PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

CONNECT_WITHIN_S = 60.0


class Where(TypedDict):
    """A database, in the library's words."""

    dbname: str
    host: str
    port: str
    user: str
    password: str


def environment(url: str) -> dict[str, str]:
    """Settings for its applications and projections; streams have names, as ours do."""
    where = {f"POSTGRES_{name.upper()}": str(value) for name, value in _where(url).items()}
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "ORIGINATOR_ID_TYPE": "text",
        **where,
    }


@contextmanager
def open_datastore(url: str, *, connections: int) -> Iterator[PostgresDatastore]:
    """With all its connections open, and all else at its defaults."""
    with PostgresDatastore(
        **_where(url), pool_size=connections, connect_timeout=CONNECT_WITHIN_S, originator_id_type="text"
    ) as datastore:
        datastore.pool.wait(CONNECT_WITHIN_S)
        yield datastore


def _where(url: str) -> Where:
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    return Where(
        dbname=parts["dbname"],
        host=parts.get("host", ""),
        port=parts.get("port", "5432"),
        user=parts.get("user", ""),
        password=parts.get("password", ""),
    )
