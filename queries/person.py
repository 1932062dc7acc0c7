"""What the shop still needs to know of someone: goods that are on their way to them, and papers that must be kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from queries.rows import Rows

NEEDED = """SELECT order_id, status, CASE WHEN status IN ('PENDING', 'PAID') THEN NULL
        ELSE placed_at + make_interval(years => $2) END AS until
    FROM order_summary WHERE customer_id = $1
        AND (status IN ('PENDING', 'PAID')
             OR (payment NOT IN ('NONE', 'REQUESTED', 'DECLINED', 'AUTHORIZED', 'VOIDED')
                 AND placed_at > now() - make_interval(years => $2)))
    ORDER BY placed_at LIMIT 100"""
KNOWN_TO = "SELECT coalesce(max(position), 0) FROM projections WHERE name = 'order_summary'"
IS_CUSTOMER = "SELECT EXISTS (SELECT FROM order_summary WHERE customer_id = $1)"
ORDERS_OF = "SELECT order_id FROM order_summary WHERE customer_id = $1 ORDER BY placed_at, order_id"

SESSIONS_OF = "SELECT stream FROM facts WHERE type = 'SignedIn' AND body ->> 'user_id' = $1 ORDER BY position"


@dataclass(frozen=True, slots=True)
class Needed:
    """An order whose customer cannot be forgotten yet; `until` is None while it is under way."""

    order_id: str
    status: str
    until: datetime | None


async def needed(rows: Rows, person_id: str, retention_years: int) -> Sequence[Needed]:
    return [Needed(*row) for row in await rows.fetch(NEEDED, person_id, retention_years)]


async def orders_known_to(rows: Rows) -> int:
    """The position up to which the orders are known here."""
    position: int = await rows.fetchval(KNOWN_TO)
    return position


async def is_customer(rows: Rows, person_id: str) -> bool:
    found: bool = await rows.fetchval(IS_CUSTOMER, person_id)
    return found


async def orders_of(rows: Rows, person_id: str) -> Sequence[str]:
    return [order_id for (order_id,) in await rows.fetch(ORDERS_OF, person_id)]


async def sessions_of(rows: Rows, person_id: str) -> Sequence[str]:
    """The streams of all sessions there ever were, in the order of signing in."""
    return [stream for (stream,) in await rows.fetch(SESSIONS_OF, person_id)]
