"""The catalog as CSV or NDJSON, in the form that an import takes."""

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

from api.catalog_table import COLUMNS, GROUPS
from api.media import CSV
from commands.attributes import spelled
from queries.catalog_table import TableRow, catalog_pages, group_columns
from queries.rows import Rows


async def catalog_sheet(rows: Rows, media_type: str) -> AsyncIterator[bytes]:
    """Some hundred products at a time."""
    if media_type != CSV:
        async for page in catalog_pages(rows):
            yield b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in page)
        return
    columns = [*COLUMNS, *await group_columns(rows)]
    yield _written([columns])
    async for page in catalog_pages(rows):
        yield _written([_cells(row, columns) for row in page])


def _cells(row: TableRow, columns: list[str]) -> list[str]:
    flat = {name: _cell(value) for name, value in row.items() if name not in GROUPS}
    for group in GROUPS:
        flat |= {f"{group}.{name}": _cell(value) for name, value in row.get(group, {}).items()}
    return [flat.get(column, "") for column in columns]


def _cell(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else spelled(value)


def _written(lines: list[list[str]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(lines)
    return written.getvalue().encode()
