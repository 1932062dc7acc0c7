"""For admins: the accounts, and how the read side is doing."""

from pydantic import BaseModel

from api.audited import looked_at
from api.paging import Listed, Page
from api.queries.routing import page_of, query_router, shown
from api.reading import Read
from api.security import Admin
from infrastructure.positions import HEAD
from infrastructure.source_hash import sources
from projections import PROJECTIONS
from queries import parked, projection, user_account
from queries.parked import PARKED, ParkedFact
from queries.projection import ProjectionState
from queries.user_account import USERS, UserAccount

router = query_router("/v1/admin", "admin")

_USER = {
    "user_id": "usr_01h455vb4pex5vsknk084sn02q",
    "email": "ada@example.com",
    "name": "Ada",
    "roles": ["admin", "customer"],
    "verified": True,
    "suspended": False,
    "registered_at": "2026-05-01T12:00:00Z",
    "version": 2,
}
_PROJECTION = {
    "name": "order_summary",
    "position": 1042,
    "head": 1042,
    "lag": 0,
    "lag_s": 0.0,
    "facts_per_s": 18250.0,
    "eta_s": 0.0,
    "owner": "web-1:4711:ab12cd",
    "epoch": 3,
    "running": True,
    "parked": 0,
    "last_error": None,
    "updated_at": "2026-05-01T12:00:00Z",
    "older_code": False,
}


_PARKED = {
    "id": 7,
    "projection": "stock_level",
    "key": '["MUG-S","main"]',
    "position": 1040,
    "stream": "stock-MUG-S@main",
    "version": 3,
    "type": "StockReserved",
    "error": "RuntimeError: no such row",
    "attempts": 1,
    "parked_at": "2026-05-01T12:00:00Z",
}


class Projections(BaseModel):
    data: list[ProjectionState]


@router.get("/users", responses=shown(page_of(_USER)))
async def list_users(read: Read, page: Listed, admin: Admin) -> Page[UserAccount]:
    """All accounts, newest first."""
    await read.seen("user_account")
    accounts = await page(USERS, {}, user_account.from_row)
    looked_at(read.request, admin, [each.user_id for each in accounts.data])
    return accounts


@router.get("/projections", responses=shown({"data": [_PROJECTION]}))
async def list_projections(read: Read, admin: Admin) -> Projections:
    """How far each projection is behind the book, who moves it, why it does not move, and if older code folded it."""
    await read.seen(HEAD)
    return Projections(data=list(await projection.projections(read.shop.pool, sources(PROJECTIONS))))


@router.get("/parked", responses=shown(page_of(_PARKED)))
async def list_parked(read: Read, page: Listed, admin: Admin) -> Page[ParkedFact]:
    """Facts that a projection could not take, and those that wait behind them."""
    await read.seen(HEAD)
    return await page(PARKED, {}, parked.from_row)
