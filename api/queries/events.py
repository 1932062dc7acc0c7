"""The book itself, for auditors: facts as they are stored, in the order of the book or of one stream."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from api.media import JSON, NDJSON, SSE, chosen
from api.problems import Problem, invalid, shown_archives
from api.queries.routing import query_router, shown
from api.reading import MAX_POSITION, Read, Reading
from api.security import Admin, Staff
from api.sse import EventStream
from commands.user import ADMIN
from events import EVENT_TYPES
from events.store import Archive
from infrastructure.archive.catalog import archives_of
from infrastructure.codec import StoredFact
from infrastructure.event_json import event_json, event_line
from infrastructure.event_store import MAX_VERSION
from infrastructure.feed import read_feed
from infrastructure.positions import HEAD
from infrastructure.ring import Wanted

router = query_router("/v1", "audit")

MAX_LIMIT, DEFAULT_LIMIT = 1_000, 100
_PRINTABLE = r"^[^\x00-\x1f\x7f]{1,300}$"


def _known(name: str | None) -> str | None:
    if name is not None and name not in EVENT_TYPES:
        raise ValueError(f"there is no such type of fact; known are {', '.join(sorted(EVENT_TYPES))}")
    return name


def _position(text: Any) -> Any:
    if text != "head" and not (str(text).isdigit() and str(text).isascii() and int(text) <= MAX_POSITION):
        raise ValueError("a position, or `head`")
    return text


Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
After = Annotated[int | Literal["head"], BeforeValidator(_position)]


class EventMetadata(BaseModel):
    actor: str
    command: str
    correlation_id: str
    causation_id: str
    request_id: str
    traceparent: str = ""


class Event(BaseModel):
    position: int
    id: str
    stream: str
    version: int
    type: str
    schema_version: int
    data: dict[str, Any]
    metadata: EventMetadata
    occurred_at: Annotated[datetime, Field(description="When it happened in the world.")]
    recorded_at: Annotated[datetime, Field(description="When the shop learned of it.")]


class FeedInfo(BaseModel):
    next_after: Annotated[int, Field(description="Send it as `after` to go on; nothing is missed in between.")]
    has_more: bool


class ArchiveNamed(BaseModel):
    first: int
    last: int
    file: str
    sha256: str


class Feed(BaseModel):
    data: list[Event]
    page: FeedInfo
    archives: Annotated[
        list[ArchiveNamed],
        Field(description="Where facts of this stream are that belong here and are not in the book any more."),
    ] = []


_EXAMPLE: dict[str, Any] = {
    "data": [
        {
            "position": 1042,
            "id": "01890a5d-ac96-774b-bcce-b302099a8057",
            "stream": "order-ord_01h455vb4pex5vsknk084sn02q",
            "version": 4,
            "type": "OrderShipped",
            "schema_version": 1,
            "data": {"order_id": "ord_01h455vb4pex5vsknk084sn02q", "carrier": "DHL", "tracking": "123"},
            "metadata": {
                "actor": "usr_01h455vb4pex5vsknk084sn02q",
                "command": "ShipOrder",
                "correlation_id": "req_01h455vb4pex5vsknk084sn02q",
                "causation_id": "",
                "request_id": "req_01h455vb4pex5vsknk084sn02q",
            },
            "occurred_at": "2026-05-01T12:00:00Z",
            "recorded_at": "2026-05-01T12:00:00Z",
        }
    ],
    "page": {"next_after": 1042, "has_more": False},
}
_LINE = json.dumps(_EXAMPLE["data"][0])
_MEDIA_TYPES = {
    JSON: {"example": _EXAMPLE},
    NDJSON: {"schema": {"type": "string"}, "example": f"{_LINE}\n"},
    SSE: {"schema": {"type": "string"}, "example": f"id: 1042\ndata: {_LINE}\n\n"},
}

_OF_USERS = ("user-", "addresses-", "session-", "refusals-")


@router.get("/events", response_model=Feed, responses={200: {"content": _MEDIA_TYPES}})
async def list_events(
    request: Request,
    read: Read,
    admin: Admin,
    after: Annotated[After, Query(description="Facts beyond this position; `head`: only those to come.")] = 0,
    type_: Annotated[str | None, AfterValidator(_known), Query(alias="type", examples=["OrderPlaced"])] = None,
    stream: Annotated[str | None, Query(pattern=_PRINTABLE)] = None,
    actor: Annotated[str | None, Query(pattern=_PRINTABLE)] = None,
    correlation: Annotated[str | None, Query(pattern=_PRINTABLE)] = None,
    limit: Annotated[int | None, Query(ge=1, le=MAX_LIMIT, description="For JSON only; by default 100.")] = None,
    last_event_id: Annotated[
        int | None,
        Header(ge=0, le=MAX_POSITION, description="For `text/event-stream`: goes on there, whatever `after` says."),
    ] = None,
) -> Response:
    """Every change there has been, in the order in which it was committed.

    As JSON a page of it; as `application/x-ndjson` all of it up to `Projection-Position`, a fact a line; as
    `text/event-stream` all of it and then what comes, for as long as an access token is good for.

    Searching by `actor` or `correlation` goes through the whole book: where that takes long, a page may come with few
    facts or none and still `has_more`; go on after `next_after`.

    `409 conflict` if the book ends before `after`, as it does when it was restored from a backup since.

    `410 facts_archived` if any fact beyond `after` is in an archive: `archives` says which.
    """
    media_type = chosen(request, (JSON, NDJSON, SSE))
    if limit is not None and media_type != JSON:
        raise invalid("?limit", "A stream is not paged: read as much of it as you like.")
    wanted = Wanted(type_, stream, actor, correlation)
    head = await read.seen(HEAD)
    begin = head if after == "head" else after
    if media_type == SSE and last_event_id is not None:
        begin = last_event_id
    if begin > head:
        if begin > (head := await read.shop.store.head()):
            raise Problem(409, "conflict", f"The book ends at {head}: position {begin} belongs to another one.")
        read.stands_for(head)
    if media_type == SSE:
        await read.shop.store.check_present(begin)
        last_s = read.shop.settings.access_token_minutes * 60
        return EventStream(read.shop.tail, begin, wanted, last_s=last_s, headers=read.headers)
    if media_type == NDJSON:
        await read.shop.store.check_present(begin)
        return StreamingResponse(_lines(read, begin, head, wanted), headers=read.headers, media_type=NDJSON)
    page = await read_feed(read.shop.pool, after=begin, limit=limit or DEFAULT_LIMIT, filters=wanted.filters())
    return read.answer(_feed(page.facts, page.next_after, page.has_more))


@router.get("/streams/{stream}/events", response_model=Feed, responses=shown(_EXAMPLE))
async def list_stream(
    stream: Annotated[str, Path(pattern=_PRINTABLE, examples=["order-ord_01h455vb4pex5vsknk084sn02q"])],
    read: Read,
    staff: Staff,
    after: Annotated[int, Query(ge=0, le=MAX_VERSION, description="Facts beyond this version of the stream.")] = 0,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """The facts of one stream. Streams of users, their addresses and sessions are for admins only.

    Of a stream that has ended long ago, earlier facts may be in an archive: `archives` says so."""
    if stream.startswith(_OF_USERS) and ADMIN not in staff.roles:
        raise Problem(403, "forbidden", "Accounts are looked after by admins.")
    await read.seen(HEAD)
    facts = await read.shop.store.stored_stream(stream, after=after, limit=limit + 1)
    shown_facts = facts[:limit]
    next_after = shown_facts[-1].originator_version if shown_facts else after
    if not facts and not after:
        raise Problem(404, "not_found", f"There is no stream {stream}.")
    archives: Sequence[Archive] = ()
    if next_after - after != len(shown_facts):  # versions have no gaps
        archives = await archives_of(read.shop.pool, after, shown_facts)
    return read.answer(_feed(shown_facts, next_after, len(facts) > limit, archives))


def _feed(facts: Sequence[StoredFact], next_after: int, has_more: bool, archives: Sequence[Archive] = ()) -> bytes:
    page = json.dumps({"next_after": next_after, "has_more": has_more}).encode()
    missing = b',"archives":%s' % json.dumps(shown_archives(archives)).encode() if archives else b""
    return b'{"data":[%s],"page":%s%s}' % (b",".join(map(event_json, facts)), page, missing)


async def _lines(read: Reading, after: int, until: int, wanted: Wanted) -> AsyncIterator[bytes]:
    async for page in read.shop.tail.history(after, until, wanted, lambda fact: event_line(fact) + b"\n"):
        for chunk in page.chunks():
            yield chunk
