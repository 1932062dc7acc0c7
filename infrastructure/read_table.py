"""A projection's table: fetch the rows that a page of facts touches, and write back what they have become."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Generic, TypeVar, get_type_hints

import asyncpg
import msgspec

from infrastructure.database import Connection, Pool
from projections.projection import Key, Projection

R = TypeVar("R")

_COLUMN_TYPES = """SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type
    FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped"""
_JSON = ("json", "jsonb")


class TableMismatch(Exception):
    """The table does not have the columns that the projection's row has."""


class ReadTable(Generic[R]):
    """Set-based reads and writes of rows by key: one statement each, however many rows."""

    def __init__(self, projection: Projection[R], types: Mapping[str, str], table: str | None = None) -> None:
        row: Any = projection.row
        table = table or projection.name
        self._row = projection.row
        self._columns = [field.name for field in dataclasses.fields(row)]
        if unknown := set(self._columns) ^ set(types):
            raise TableMismatch(f"table {table} and its projection differ in {', '.join(sorted(unknown))}")
        hints = get_type_hints(row)
        self._json = [(n, hints[name]) for n, name in enumerate(self._columns) if types[name] in _JSON]
        self._key = [self._columns.index(name) for name in projection.key]
        columns, key = ", ".join(self._columns), ", ".join(projection.key)
        keys = ", ".join(f"${n}::{types[name]}[]" for n, name in enumerate(projection.key, 1))
        values = ", ".join(f"${n}::{types[name]}[]" for n, name in enumerate(self._columns, 1))
        changes = ", ".join(f"{name} = excluded.{name}" for name in self._columns if name not in projection.key)
        same = " AND ".join(f"found.{name} = touched.{name}" for name in projection.key)
        # OFFSET 0 keeps this from becoming a join, which when planned on a small table goes on reading all of it.
        self.fetch_sql = (
            f"SELECT held.* FROM unnest({keys}) AS touched ({key}) "
            f"CROSS JOIN LATERAL (SELECT {columns} FROM {table} found WHERE {same} OFFSET 0) AS held"
        )
        self.write_sql = (
            f"INSERT INTO {table} ({columns}) SELECT * FROM unnest({values}) "
            f"ON CONFLICT ({key}) DO UPDATE SET {changes}"
        )
        self.delete_sql = f"DELETE FROM {table} USING unnest({keys}) AS gone ({key}) WHERE " + " AND ".join(
            f"{table}.{name} = gone.{name}" for name in projection.key
        )

    @classmethod
    async def open(cls, pool: Pool | Connection, projection: Projection[R], table: str | None = None) -> "ReadTable[R]":
        """The projection's own table, or another one of the same shape. Raises TableMismatch."""
        rows = await pool.fetch(_COLUMN_TYPES, table or projection.name)
        return cls(projection, {row["name"]: row["type"] for row in rows}, table)

    async def fetch(self, connection: Connection, keys: Collection[Key]) -> dict[Key, R]:
        records = await connection.fetch(self.fetch_sql, *map(list, zip(*keys, strict=True)))
        return {tuple(record[n] for n in self._key): self._from_record(record) for record in records}

    async def write(self, connection: Connection, rows: Sequence[R]) -> None:
        if not rows:
            return
        await connection.execute(self.write_sql, *self._as_columns(rows))

    async def delete(self, connection: Connection, keys: Sequence[Key]) -> None:
        if not keys:
            return
        await connection.execute(self.delete_sql, *map(list, zip(*keys, strict=True)))

    def _from_record(self, record: asyncpg.Record) -> R:
        values = list(record)
        for n, json_type in self._json:
            if values[n] is not None:
                values[n] = msgspec.json.decode(values[n], type=json_type)
        return self._row(*values)

    def _as_columns(self, rows: Sequence[R]) -> list[list[Any]]:
        columns = [[getattr(row, name) for row in rows] for name in self._columns]
        for n, _ in self._json:
            columns[n] = [None if value is None else msgspec.json.encode(value).decode() for value in columns[n]]
        return columns
