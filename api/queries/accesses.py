"""Which staff have looked at whose personal data, and who was turned away."""

from typing import Annotated

from fastapi import Query

from api.paging import Listed, Page
from api.queries.routing import page_of, query_router, shown
from api.reading import Read
from api.security import Admin
from infrastructure.accesses import What
from infrastructure.positions import HEAD
from queries import access
from queries.access import ACCESSES, Access

router = query_router("/v1/audit", "audit")

_ACCESS = {
    "id": 42,
    "at": "2026-05-01T12:00:00Z",
    "what": "read",
    "actor": "usr_01h455vb4pex5vsknk084sn02q",
    "route": "GET /v1/orders/{order_id}",
    "persons": ["usr_01h455vb4pex5vsknk084sn02r"],
    "request_id": "req_01h455vb4pex5vsknk084sn02q",
}
_ID = r"^[a-z0-9_:]{1,100}$"


@router.get("/accesses", responses=shown(page_of(_ACCESS)))
async def list_accesses(
    read: Read,
    page: Listed,
    admin: Admin,
    actor: Annotated[str | None, Query(pattern=_ID, description="Who looked, or was turned away.")] = None,
    person: Annotated[str | None, Query(pattern=_ID, description="Whose data it was.")] = None,
    what: Annotated[What | None, Query(description="`read`, or `refused` with 403.")] = None,
) -> Page[Access]:
    """Which staff have looked at whose personal data, and who was turned away; newest first.

    Sign-ins and those refused, roles and the like are facts: `GET /v1/events`."""
    await read.seen(HEAD)
    await read.shop.accesses.write()
    return await page(ACCESSES, {"actor": actor, "person": person, "what": what}, access.from_row)
