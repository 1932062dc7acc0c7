"""Staff bring in a table of products: a stream of rows, each of which happens once, with an answer for every error."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from api.catalog_import import Progress, Tally, import_table, rehearsing
from api.catalog_table import COLUMNS
from api.handling import Handle, Handling
from api.media import CSV, JSON, NDJSON, chosen
from api.problems import Problem
from api.security import Staff
from api.straight import StraightRoute
from api.table_lines import RowError, Unreadable
from events.store import StoreBusy, Unacknowledged

MAX_ERRORS_TOLD = 1_000

router = APIRouter(prefix="/v1/products", tags=["catalog"], route_class=StraightRoute)

_ERROR = {"line": 17, "field": "price_minor", "code": "int_parsing", "message": "Input should be a valid integer"}
_TALLY = {"rows": 512, "created": 500, "changed": 3, "unchanged": 8, "failed": 1, "seconds": 0.2, "position": 3042}
_CSV = (
    "slug,name,category,status,sku,price_minor,currency,attributes.color\nmug,Mug,kitchen,active,MUG-S,1999,USD,red\n"
)
_BODY = {
    CSV: {"schema": {"type": "string"}, "example": _CSV},
    NDJSON: {"schema": {"type": "string"}, "example": '{"sku":"MUG-S","price_minor":1499,"currency":"USD"}\n'},
}
_LINES = {
    "schema": {"type": "string"},
    "example": f"{json.dumps({'error': _ERROR})}\n{json.dumps({'progress': _TALLY})}\n",
}


class RowProblem(BaseModel):
    """What is wrong with a row. `line` counts from 1, with the header of a CSV; `field` is empty for the whole row."""

    line: int
    field: str
    code: str
    message: str


class ImportReport(BaseModel):
    """What became of the rows. `errors` are the first 1,000 of `failed`. `stopped` says why the rest was not read."""

    rows: int
    created: Annotated[int, Field(description="Rows that made a product.")]
    changed: int
    unchanged: Annotated[int, Field(description="Rows that say what is so already.")]
    failed: int
    seconds: float
    position: Annotated[int, Field(description="Of the newest fact it led to; 0 if there is none.")]
    dry_run: bool
    errors: list[RowProblem]
    stopped: RowProblem | None


class Telling(Response):
    """Lines that go out while the request's body is still coming in.

    The framework's streaming response would read from the body meanwhile, to notice that the client has gone."""

    media_type = NDJSON

    def __init__(self, lines: AsyncIterator[bytes]) -> None:
        # Not compressed: lines would wait for more of them.
        super().__init__(headers={"Content-Encoding": "identity"})
        del self.headers["Content-Length"]
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for line in self._lines:
            await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


@router.post(
    "/import",
    response_model=ImportReport,
    responses={
        200: {
            "content": {
                JSON: {"example": {**_TALLY, "dry_run": False, "errors": [_ERROR], "stopped": None}},
                NDJSON: _LINES,
            }
        }
    },
    openapi_extra={"requestBody": {"required": True, "content": _BODY}},
)
async def import_products(
    request: Request,
    staff: Staff,
    handle: Handle,
    dry_run: Annotated[bool, Query(description="Say what would happen, and do nothing.")] = False,
) -> Response:
    """Bring in products, variants and prices from CSV or NDJSON, a row for each variant and currency.

    A row is found by `slug` and `sku`; what it leaves out stays as it is. Rows that are refused are told with their
    line and field, and the others come in. The same table again changes nothing, so an import that was cut short is
    simply sent again. As `application/x-ndjson` the answer tells errors and progress while it reads."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _BODY:
        raise Problem(415, "unsupported_media_type", f"Send {CSV} or {NDJSON}, with the columns {', '.join(COLUMNS)}.")
    progress = _import(request, handle, media_type, dry_run=dry_run)
    if chosen(request, (JSON, NDJSON)) == NDJSON:
        return Telling(_told(progress, dry_run=dry_run))
    try:
        return await _reported(progress, dry_run=dry_run)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody reads it


def _import(request: Request, handle: Handling, media_type: str, *, dry_run: bool) -> AsyncIterator[Progress]:
    handler = rehearsing(handle.shop.store) if dry_run else handle.shop.handler
    metadata = handle.metadata("PutCatalogRow")
    return import_table(handler, request.stream(), media_type, metadata, dry_run=dry_run)


async def _reported(progress: AsyncIterator[Progress], *, dry_run: bool) -> Response:
    """Raises Problem 422 if not even the first row could be read."""
    tally, errors, stopped = Tally(), list[RowError](), None
    try:
        async for each in progress:
            tally = each.tally
            errors += each.errors[: MAX_ERRORS_TOLD - len(errors)]
    except Unreadable as end:
        if not tally.rows:
            told = [{"pointer": f"line {end.error.line}", "code": end.error.code, "message": end.error.message}]
            raise Problem(422, "validation_failed", str(end), errors=told) from None
        stopped = end.error
    told_rows = [error._asdict() for error in errors]
    body = asdict(tally) | {"dry_run": dry_run, "errors": told_rows, "stopped": stopped and stopped._asdict()}
    headers = {"Commit-Position": str(tally.position)} if tally.position else {}
    return Response(json.dumps(body, ensure_ascii=False), headers=headers, media_type=JSON)


async def _told(progress: AsyncIterator[Progress], *, dry_run: bool) -> AsyncIterator[bytes]:
    tally, stopped = Tally(), None
    try:
        async for each in progress:
            tally = each.tally
            for error in each.errors:
                yield _line({"error": error._asdict()})
            yield _line({"progress": asdict(tally)})
    except ClientDisconnect:
        return
    except Unreadable as end:
        stopped = end.error
    except (StoreBusy, Unacknowledged) as away:
        stopped = RowError(tally.rows, "", "unavailable", f"{away}. Send it again: it goes on where it stopped.")
    yield _line({"done": asdict(tally) | {"dry_run": dry_run, "stopped": stopped and stopped._asdict()}})


def _line(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"
