"""Who has looked at whose personal data, and who was turned away."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from queries.rows import Listing

ACCESSES = Listing(
    "id, at, what, actor, route, persons, request_id",
    "accesses",
    {"id": "bigint"},
    descending=True,
    filters={"actor": "actor = {}", "person": "persons @> ARRAY[{}::text]", "what": "what = {}"},
)


@dataclass(frozen=True, slots=True)
class Access:
    id: int
    at: datetime
    what: str
    actor: str
    route: str
    persons: list[str]
    request_id: str


def from_row(row: Any) -> Access:
    return Access(*row)
