"""Admins mend the read side: rebuild a projection, retry or skip what is parked."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from api.fields import Body, Reason
from api.handling import Handle
from api.problems import Problem
from api.security import Admin
from api.straight import StraightRoute
from commands.rejections import NotFound
from infrastructure import parking
from infrastructure.rebuild import NotTheOwner, RebuildRunning, check_possible, rebuild
from projections import PROJECTIONS

router = APIRouter(prefix="/v1/admin", tags=["admin"], route_class=StraightRoute)

ParkedPath = Annotated[int, Path(ge=1, le=2**62)]


class Started(BaseModel):
    name: str
    watch: str


class Outcome(BaseModel):
    """`parked` facts of the key wait still."""

    parked: int


class Skip(Body):
    reason: Reason


@router.post("/projections/{name}/rebuild", status_code=202, response_model=Started)
async def rebuild_projection(name: str, admin: Admin, handle: Handle) -> Started:
    """Fold it anew from the first fact beside live traffic, then switch. `GET /v1/admin/projections` shows how far.

    `410 facts_archived` if not all facts are in the book."""
    projection = next((each for each in PROJECTIONS if each.name == name), None)
    if projection is None:
        raise NotFound("projection", name)
    shop = handle.shop
    try:
        await check_possible(shop.pool, shop.store, projection)
    except (NotTheOwner, RebuildRunning) as refused:
        raise Problem(409, "conflict", str(refused)) from None
    work = rebuild(shop.pool, shop.store, projection, owner=f"{shop.owner}:rebuild")
    if not shop.background.start(f"rebuild {name}", work):
        raise Problem(409, "conflict", f"{name} is being rebuilt already.")
    return Started(name=name, watch="/v1/admin/projections")


@router.post("/parked/{parked_id}/retry", response_model=Outcome)
async def retry_parked(parked_id: ParkedPath, admin: Admin, handle: Handle) -> Outcome:
    """Try the queue of this fact's key again, in order, up to the first that still fails."""
    shop = handle.shop
    folded = await parking.retry(shop.pool, shop.store, parked_id)
    return Outcome(parked=len(folded.parked))


@router.post("/parked/{parked_id}/skip", response_model=Outcome)
async def skip_parked(parked_id: ParkedPath, body: Skip, admin: Admin, handle: Handle) -> Outcome:
    """Leave a fact that failed out of its projection, with a reason that goes into the book."""
    shop = handle.shop
    metadata = handle.metadata("SkipFact")
    folded = await parking.skip(shop.pool, shop.store, shop.handler, parked_id, reason=body.reason, metadata=metadata)
    return Outcome(parked=len(folded.parked))
