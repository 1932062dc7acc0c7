"""Everything that the shop knows about whoever asks, to take along: as it is, and every fact that led there."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fastapi import Response
from pydantic import BaseModel, Field

from api.queries.routing import query_router, shown
from api.reading import Read
from api.security import SignedIn
from commands.cart import carts, own_cart
from events import PERSON_FIELDS, STREAM_KINDS
from events.store import Fact, Recorded, StreamArchived
from events.values import UserId
from infrastructure.event_store import PostgresEventStore
from infrastructure.positions import HEAD
from projections.cart import cart
from projections.order_summary import order_summary
from projections.projection import Projection
from projections.user_account import user_account
from projections.wishlist import wishlist
from queries import person

router = query_router("/v1/me", "privacy")

OF_PERSONS = [kind.category for kind in STREAM_KINDS if len(kind.identity) == 1 and kind.identity[0] in PERSON_FIELDS]
OF_ORDERS = [kind.category for kind in STREAM_KINDS if kind.identity == ("order_id",)]
_EXAMPLE = {
    "format": "daybook-export/1",
    "person_id": "usr_01h455vb4pex5vsknk084sn02q",
    "exported_at": "2026-05-01T12:00:00Z",
    "account": {"user_id": "usr_01h455vb4pex5vsknk084sn02q", "email": "ada@example.com", "name": "Ada"},
    "orders": [],
    "cart": None,
    "wishlist": None,
    "sessions": [],
    "history": [
        {
            "stream": "user-usr_01h455vb4pex5vsknk084sn02q",
            "facts": [
                {
                    "type": "UserRegistered",
                    "data": {"user_id": "usr_01h455vb4pex5vsknk084sn02q", "email": "ada@example.com", "name": "Ada"},
                    "version": 1,
                    "position": 7,
                    "occurred_at": "2026-05-01T11:00:00Z",
                    "recorded_at": "2026-05-01T11:00:00Z",
                }
            ],
            "archives": [],
        }
    ],
}


class History(BaseModel):
    """The facts of one stream; `archives` names the files of those that are not in the book any more."""

    stream: str
    facts: list[dict[str, Any]]
    archives: list[str] = []


class Export(BaseModel):
    format: str = "daybook-export/1"
    person_id: str
    exported_at: datetime
    account: dict[str, Any] | None
    orders: list[dict[str, Any]]
    cart: dict[str, Any] | None
    wishlist: dict[str, Any] | None
    sessions: list[dict[str, Any]] = Field(description="Those that are open. All there were are in `history`.")
    history: list[History] = Field(description="Every fact about you, stream by stream, in order.")


@router.get("/export", responses=shown(_EXAMPLE))
async def export_me(read: Read, caller: SignedIn, response: Response) -> Export:
    """Everything about you, with its history: your account, orders, letters, cart, wishes, and when and
    from where you signed in."""
    await read.seen(HEAD)
    await read.seen("order_summary")
    store, orders = read.shop.store, await person.orders_of(read.shop.pool, caller.user_id)
    streams = [*_of_person(caller.user_id), *(f"{kind}-{order}" for order in orders for kind in OF_ORDERS)]
    streams += await person.sessions_of(read.shop.pool, caller.user_id)
    told = dict(zip(streams, await asyncio.gather(*(_facts(store, stream) for stream in streams)), strict=True))
    placed = [_row(order_summary, told[f"order-{order}"][0]) for order in orders]
    response.headers["Content-Disposition"] = 'attachment; filename="export.json"'
    return Export(
        person_id=caller.user_id,
        exported_at=datetime.now(UTC),
        account=_row(user_account, told[f"user-{caller.user_id}"][0]),
        orders=[order for order in placed if order is not None],
        cart=_row(cart, told[carts(own_cart(caller.user_id)).stream][0]),
        wishlist=_row(wishlist, told[f"wishlist-{caller.user_id}"][0]),
        sessions=[asdict(session) for session in await read.shop.sessions.of(caller.user_id)],
        history=[
            History(stream=stream, facts=list(map(_fact, facts)), archives=archives)
            for stream, (facts, archives) in told.items()
            if facts or archives
        ],
    )


def _of_person(person_id: UserId) -> list[str]:
    return [*(f"{category}-{person_id}" for category in OF_PERSONS), carts(own_cart(person_id)).stream]


async def _facts(store: PostgresEventStore, stream: str) -> tuple[Sequence[Recorded], list[str]]:
    try:
        return await store.read([stream]), []
    except StreamArchived as archived:
        return (), [archive.file for archive in archived.archives]


def _fact(fact: Recorded) -> dict[str, Any]:
    return {
        "type": type(fact.event).__name__,
        "data": asdict(fact.event),
        "version": fact.version,
        "position": fact.position,
        "occurred_at": fact.occurred_at,
        "recorded_at": fact.recorded_at,
    }


def _row(projection: Projection[Any], facts: Iterable[Fact[Any]]) -> dict[str, Any] | None:
    """As the facts say it is now."""
    row = None
    for fact in facts:
        row = projection.evolve(row, fact, (fact.stream.partition("-")[2],))
    return None if row is None else row._asdict()
