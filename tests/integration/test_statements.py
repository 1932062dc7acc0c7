"""Every SQL statement of the code is prepared against the migrated schema: a renamed column fails here, at once."""

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import asyncpg
import pytest

import api
import infrastructure
import queries
from infrastructure.database import open_pool
from infrastructure.read_table import ReadTable
from projections import PROJECTIONS
from queries.rows import Listing

STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\s", re.ASCII)


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith("__main__"):  # those run when they are imported
            yield importlib.import_module(found.name)


def _statements(value: Any) -> Iterator[str]:
    """The convention: SQL is a constant of a module, a `Listing`, or a table of these."""
    match value:
        case str() if STATEMENT.match(value):
            yield value
        case Listing():
            yield from value.statements()
        case Mapping():
            for each in value.values():
                yield from _statements(each)


def _constants() -> Iterator[tuple[str, list[str]]]:
    for package in (queries, infrastructure, api):
        for module in _modules(package):
            for name, value in vars(module).items():
                if statements := list(_statements(value)):
                    yield f"{module.__name__}.{name}", statements


async def test_the_schema_knows_all_that_the_statements_name(database_url: str) -> None:
    constants = dict(_constants())
    assert {
        "queries.reports.sales.SALES",
        "queries.product.BY_SLUG",
        "infrastructure.leases._ADVANCE",
    } <= constants.keys()
    connection = await asyncpg.connect(database_url)
    refused = {}
    prepared: set[str] = set()
    for name, statements in constants.items():
        for statement in set(statements) - prepared:
            prepared.add(statement)
            try:
                await connection.prepare(statement)
            except asyncpg.PostgresError as error:
                refused[name] = f"{error}: {statement}"
    await connection.close()
    assert refused == {}


def test_no_query_skips_rows() -> None:
    statements = [sql for name, found in _constants() if name.startswith("queries.") for sql in found]
    assert statements
    # OFFSET 0 skips nothing: it keeps a subquery by itself.
    assert not [sql for sql in statements if re.search(r"\bOFFSET\b(?! 0\b)", sql, re.IGNORECASE)]


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
async def test_every_projection_fits_its_table(database_url: str, projection: Any) -> None:
    async with open_pool(database_url, 1) as pool:
        table = await ReadTable.open(pool, projection)
        async with pool.acquire() as connection:
            for statement in (table.fetch_sql, table.write_sql, table.delete_sql):
                await connection.prepare(statement)
