"""A projection's table: fetch the rows that a page of facts touches, and write back what they have become."""

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, get_type_hints

import asyncpg
import msgspec

from infrastructure.database import Connection, Pool
from projections.projection import Key, Projection

R = TypeVar("R", bound=tuple[Any, ...])

COPIED_FROM_ROWS = 200
"""So many rows are deleted and copied in, which takes half the time of changing them. Fewer are changed where they
are: that is one statement, and the table and its indexes do not grow."""

COLUMN_TYPES = """SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type
    FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"""
_JSON = ("json", "jsonb")


class TableMismatch(Exception):
    """The table does not have the columns that the projection's row has, or not of types that rows can travel to."""


class ReadTable(Generic[R]):
    """Set-based reads and writes of rows by key: one statement each, however many rows."""

    def __init__(self, projection: Projection[R], types: Mapping[str, str], table: str | None = None) -> None:
        row: Any = projection.row
        self.name = table = table or projection.name
        self._row: Callable[[Iterable[Any]], R] = row._make
        self._columns: tuple[str, ...] = row._fields
        if unknown := set(self._columns) ^ set(types):
            raise TableMismatch(f"table {table} and its projection differ in {', '.join(sorted(unknown))}")
        if odd := [name for name in self._columns if types[name] == "bytea" or types[name].endswith("[]")]:
            raise TableMismatch(f"of table {table} {', '.join(odd)} cannot be written from JSON")
        hints = get_type_hints(row)
        self._json = [
            (n, msgspec.json.Decoder(hints[name])) for n, name in enumerate(self._columns) if types[name] in _JSON
        ]
        self._key = [self._columns.index(name) for name in projection.key]
        columns, key = ", ".join(self._columns), ", ".join(projection.key)
        keys = ", ".join(f"${n}::{types[name]}[]" for n, name in enumerate(projection.key, 1))
        values = ", ".join(f"(written ->> {n})::{types[name]}" for n, name in enumerate(self._columns))
        changes = ", ".join(f"{name} = excluded.{name}" for name in self._columns if name not in projection.key)
        same = " AND ".join(f"found.{name} = touched.{name}" for name in projection.key)
        # OFFSET 0 keeps this from becoming a join, which when planned on a small table goes on reading all of it.
        self.fetch_sql = (
            f"SELECT held.* FROM unnest({keys}) AS touched ({key}) "
            f"CROSS JOIN LATERAL (SELECT {columns} FROM {table} found WHERE {same} OFFSET 0) AS held"
        )
        # Rows travel as one JSON text: the driver inspects every element of a list, which takes longer than storing it.
        self.write_sql = (
            f"INSERT INTO {table} ({columns}) SELECT {values} FROM jsonb_array_elements($1::text::jsonb) AS written"
        )
        if not projection.journal:
            self.write_sql += f" ON CONFLICT ({key}) DO UPDATE SET {changes}"
        self.delete_sql = f"DELETE FROM {table} USING unnest({keys}) AS gone ({key}) WHERE " + " AND ".join(
            f"{table}.{name} = gone.{name}" for name in projection.key
        )

    @classmethod
    async def open(cls, pool: Pool | Connection, projection: Projection[R], table: str | None = None) -> "ReadTable[R]":
        """The projection's own table, or another one of the same shape. Raises TableMismatch."""
        rows = await pool.fetch(COLUMN_TYPES, table or projection.name)
        return cls(projection, {row["name"]: row["type"] for row in rows}, table)

    async def fetch(self, connection: Pool | Connection, keys: Collection[Key]) -> dict[Key, R]:
        records = await connection.fetch(self.fetch_sql, *map(list, zip(*keys, strict=True)))
        return {tuple(record[n] for n in self._key): self._from_record(record) for record in records}

    async def write(self, connection: Connection, rows: Mapping[Key, R | None], there: Container[Key]) -> None:
        """Give each key its row; None is no row. `there` are the keys that have had one until now.

        Raises asyncpg.DataError or asyncpg.IntegrityConstraintViolationError if one of them does not fit the table."""
        new = [row for row in rows.values() if row is not None]
        if len(new) < COPIED_FROM_ROWS:
            await self._delete(connection, [key for key, row in rows.items() if row is None and key in there])
            await self._change(connection, new)
        else:
            await self._delete(connection, [key for key in rows if key in there])
            await self._copy(connection, new)

    async def _delete(self, connection: Connection, keys: Sequence[Key]) -> None:
        if keys:
            await connection.execute(self.delete_sql, *map(list, zip(*keys, strict=True)))

    async def _change(self, connection: Connection, rows: Sequence[R]) -> None:
        if rows:
            with _sendable():
                written = msgspec.json.encode(list(self._to_records(rows))).decode()
            await connection.execute(self.write_sql, written)

    async def _copy(self, connection: Connection, rows: Sequence[R]) -> None:
        with _sendable():
            await connection.copy_records_to_table(self.name, records=self._to_records(rows), columns=self._columns)

    def _from_record(self, record: asyncpg.Record) -> R:
        if not self._json:
            return self._row(record)
        values = list(record)
        for n, decoder in self._json:
            if values[n] is not None:
                values[n] = decoder.decode(values[n])
        return self._row(values)

    def _to_records(self, rows: Iterable[R]) -> Iterator[Sequence[Any]]:
        if not self._json:
            yield from rows
            return
        for row in rows:
            values = list(row)
            for n, _ in self._json:
                if values[n] is not None:
                    values[n] = msgspec.json.encode(values[n]).decode()
            yield values


@contextmanager
def _sendable() -> Iterator[None]:
    """Values that the driver or msgspec will not even send are the row's fault, as those that the database refuses."""
    try:
        yield
    except (OverflowError, TypeError, ValueError) as error:
        raise asyncpg.DataError(str(error)) from error
