"""What waits to be projected, and why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from queries.rows import Listing

_COLUMNS = "id, projection, key, position, stream, version, type, error, attempts, parked_at"

PARKED = Listing(
    _COLUMNS,
    # Without what tables beside the live ones lack (`sale__new`, `sale__old`): nobody reads those.
    f"(SELECT {_COLUMNS} FROM parked WHERE projection NOT LIKE '%\\_\\_%') AS parked",
    {"id": "bigint"},
    filters={"projection": "projection = {}"},
)


@dataclass(frozen=True, slots=True)
class ParkedFact:
    """`error` is None for a fact that waits behind an earlier one of its key."""

    id: int
    projection: str
    key: str
    position: int
    stream: str
    version: int
    type: str
    error: str | None
    attempts: int
    parked_at: datetime


def from_row(row: Any) -> ParkedFact:
    return ParkedFact(*row)
