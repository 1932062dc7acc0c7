"""Errors as RFC 9457 problem details, made in one place. A client can never cause a 500."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.routing import Match

from api.problem_catalog import CATALOG
from commands.checkout_rejections import AddressRequired, CouponTermsRefused, ShippingMethodRequired
from commands.handler import KeyInFlight, KeyReused
from commands.rejections import AmountRefused, AttributesRefused, LimitExceeded, NotFound, Rejected, VersionMismatch
from events.store import AppendRefused, Archive, PositionsArchived, StoreBusy, StreamArchived, Unacknowledged
from infrastructure.database import BAD_INPUT, UNREACHABLE

RETRY_AFTER_S = "1"

<<<<<<< HEAD
=======
CATALOG: dict[str, tuple[str, str]] = {
    "address_required": ("Where does it go?", "Shipping and tax depend on it: send `ship_to`."),
    "archived": ("In an archive", "`archives` names the files to restore before this can be told."),
    "amount_refused": ("Not that much there", "`most` is as much as can be captured or refunded."),
    "attributes_refused": (
        "Not what the category declares",
        "`errors` names each attribute and what is wrong with it.",
    ),
    "bad_request": ("Bad request", "The request cannot be read."),
    "cart_empty": ("The cart is empty", "There is nothing to order."),
    "category_cycle": ("Below itself", "A category cannot be moved to a place below itself."),
    "conflict": ("Conflict", "The request does not fit the present state."),
    "country_in_another_zone": ("In another zone", "Take it out of the zone `zone_id` first."),
    **{f"coupon_{why}": ("The coupon does not count", detail) for why, detail in COUPON_REFUSALS.items()},
    "coupon_not_applicable": ("The coupon does not count", "`why` says why. Order without it, or with another."),
    "coupon_terms_refused": ("Not a coupon", "What it is to give does not fit together."),
    "email_taken": ("Address in use", "There is an account with this e-mail address."),
    "facts_archived": ("In an archive", "Go on behind the archives, or restore those that `archives` names."),
    "forbidden": ("Forbidden", "You are signed in, but may not do this."),
    "idempotency_key_in_flight": ("Under way", "The first request with this Idempotency-Key has not ended yet."),
    "idempotency_key_required": ("Idempotency-Key missing", "This command must carry an Idempotency-Key header."),
    "idempotency_key_reused": ("Idempotency-Key reused", "The key belongs to another request. Use a fresh one."),
    "internal_error": ("Internal error", "Our fault. The request id finds it in the logs."),
    "invalid_credentials": ("Wrong address or password", "Sign in with the right ones, once the address is confirmed."),
    "invalid_cursor": ("Not one of our cursors", "Take cursors from `page` as they are, with the same filters."),
    "invalid_mailed_token": ("Not a token of ours", "Ask for another letter."),
    "invalid_refresh_token": ("The session is over", "Sign in again."),
    "invalid_transition": ("Not in this state", "`allowed` lists what can be done instead."),
    "limit_exceeded": ("Beyond a limit", "The shop keeps no books about numbers this large."),
    "location_in_use": (
        "In use",
        "Only an empty location is closed, and nothing is brought to it meanwhile.",
    ),
    "malformed_json": ("Malformed JSON", "The body is not a JSON document in UTF-8."),
    "method_not_allowed": ("Method not allowed", "This path exists, but not with this method."),
    "name_taken": ("Name in use", "A SKU or slug belongs to one thing only."),
    "not_acceptable": ("Not acceptable", "The answer is not to be had in this media type."),
    "not_for_sale": ("Not for sale", "The product is not active, or has no price in this currency."),
    "not_found": ("Not found", "It does not exist, or is not yours to see."),
    "not_sealed": ("Not sealed yet", "A fact gets its seal some seconds after it was recorded. Ask again."),
    "out_of_stock": ("Out of stock", "`items` says what was asked for and what is left."),
    "payload_too_large": ("Body too large", "The request body is beyond the limit."),
    "payment_under_way": ("Being paid", "Wait for the outcome of `payment_id` before you try another way to pay."),
    "price_changed": ("The price has changed", "Show the shopper the new total and ask again."),
    "projection_behind": ("Not there yet", "The read side has not reached Min-Position in time. Ask again."),
    "schedule_overlaps": ("Another schedule runs then", "Cancel `schedule_id`, or choose another time."),
    "shipping_method_required": ("Choose a way to send it", "`methods` are those there are; a quote has their prices."),
    "shipping_unavailable": ("Not sent there like that", "`methods` are those there are, if any."),
    "stock_would_go_negative": ("Not that much there", "An adjustment may not take away what is reserved."),
    "stream_archived": ("In an archive", "It has ended long ago. `archives` names what to restore to go on with it."),
    "still_needed": ("Not yet", "`orders` are under way, or must be kept `until` a time. Ask again then."),
    "too_many_requests": ("Too many requests", "Slow down."),
    "too_many_units": ("Not that many", "`items` says of each SKU what was asked for and what is possible."),
    "unacknowledged": ("Outcome unknown", "It may have happened. Repeat it with the same Idempotency-Key to learn."),
    "unauthorized": ("Sign in first", "This needs a valid access token."),
    "unavailable": ("Busy", "Nothing has happened. Ask again in a moment."),
    "unprocessable": ("Cannot be stored", "The request holds something that cannot be written down."),
    "unsupported_media_type": ("Unsupported media type", "Send application/json."),
    "validation_failed": ("Invalid input", "`errors` names each field and what is wrong with it."),
    "version_mismatch": ("Changed meanwhile", "Someone was first: `intervening_events` tells what happened."),
    "webhook_refused": ("Not from the gateway", "The signature is missing, wrong, or older than five minutes."),
    "wrong_password": ("Not your password", "For this change, `current_password` must be right."),
}
"""Every code that a problem may have, with its title and what to do about it. Served at /problems/{code}."""

>>>>>>> 625cf62 (Registering tells nobody who has an account, and where letters go out the address is proved first)
_STATUS_OF_REJECTION: dict[type[Rejected], int] = {
    NotFound: 404,
    VersionMismatch: 412,
    AddressRequired: 422,
    AmountRefused: 422,
    AttributesRefused: 422,
    CouponTermsRefused: 422,
    ShippingMethodRequired: 422,
    KeyReused: 422,
    LimitExceeded: 422,
    KeyInFlight: 409,
}
_CODE_OF_STATUS = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "validation_failed",
    429: "too_many_requests",
    503: "unavailable",
}

_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")

log = structlog.get_logger(__name__)


class Problem(Exception):
    """Raised by an endpoint: a refusal that is about the request, not about the rules of the shop."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.headers, self.members = dict(headers or {}), members


def invalid(pointer: str, message: str, code: str = "value_error") -> Problem:
    """422 about one field that only the endpoint could judge. `pointer` is as in JSON Pointer."""
    return Problem(422, "validation_failed", message, errors=[{"pointer": pointer, "code": code, "message": message}])


def answer(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, Any] | None = None,
) -> Response:
    """A problem+json response. Extra members come first, so that none can take the place of a standard one."""
    title = CATALOG[code][0] if code in CATALOG else HTTPStatus(status).phrase
    body = {
        **(members or {}),
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "code": code,
        "request_id": request.scope.get("request_id", ""),
    }
    more = {"Retry-After": RETRY_AFTER_S} if status == 503 else {}
    return Response(to_json(body), status, {**more, **(headers or {})}, "application/problem+json")


def install(app: FastAPI) -> None:
    """Turn everything that can go wrong in an endpoint into a problem."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> Response:
        return answer(
            request, problem.status, problem.code, problem.detail, headers=problem.headers, members=problem.members
        )

    @app.exception_handler(Rejected)
    async def _rejected(request: Request, refusal: Rejected) -> Response:
        status = _STATUS_OF_REJECTION.get(type(refusal), 409)
        return answer(request, status, refusal.code, refusal.detail, members=refusal.details)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        problems = error.errors()
        if any(problem["type"] == "json_invalid" for problem in problems):
            return answer(request, 400, "malformed_json", "The body is not a JSON document in UTF-8.")
        errors = [_field_error(problem) for problem in problems]
        detail = "; ".join(f"{found['pointer'] or 'the body'}: {found['message']}" for found in errors[:5])
        return answer(request, 422, "validation_failed", detail, members={"errors": errors})

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        if error.detail == "There was an error parsing the body":  # FastAPI's word for broken UTF-8 and the like
            return answer(request, 400, "malformed_json", "The body is not a JSON document in UTF-8.")
        code = _CODE_OF_STATUS.get(error.status_code, "bad_request")
        headers = {**(error.headers or {}), "Allow": _allowed(request)} if error.status_code == 405 else error.headers
        return answer(request, error.status_code, code, str(error.detail), headers=headers)

    @app.exception_handler(StreamArchived)
    async def _stream_archived(request: Request, error: StreamArchived) -> Response:
        status, code = (410, "archived") if request.method in ("GET", "HEAD") else (409, "stream_archived")
        return answer(request, status, code, str(error), members={"archives": shown_archives(error.archives)})

    @app.exception_handler(PositionsArchived)
    async def _positions_archived(request: Request, error: PositionsArchived) -> Response:
        members = {"archives": shown_archives(error.archives)}
        return answer(request, 410, "facts_archived", str(error), members=members)

    @app.exception_handler(StoreBusy)
    async def _busy(request: Request, error: StoreBusy) -> Response:
        return answer(request, 503, "unavailable", str(error))

    @app.exception_handler(Unacknowledged)
    async def _unacknowledged(request: Request, error: Unacknowledged) -> Response:
        return answer(request, 503, "unacknowledged", str(error))

    @app.exception_handler(AppendRefused)
    async def _refused(request: Request, error: AppendRefused) -> Response:
        log.info("append_refused", error=str(error))
        return answer(request, 422, "unprocessable", "The request holds something that cannot be written down.")

    async def _unreachable(request: Request, error: Exception) -> Response:
        log.warning("dependency_unreachable", error=str(error))
        return answer(request, 503, "unavailable", "A part of the shop cannot be reached right now.")

    async def _unstorable(request: Request, error: Exception) -> Response:
        log.info("input_refused_by_database", error=str(error))
        return answer(request, 422, "unprocessable", "The request holds something that cannot be written down.")

    for bad in BAD_INPUT:
        app.add_exception_handler(bad, _unstorable)
    for away in UNREACHABLE:
        app.add_exception_handler(away, _unreachable)


def _allowed(request: Request) -> str:
    """Every method of the path: the framework names those of one route only, and a path may have several."""
    found = [method for method in _METHODS if _is_served(request, method)]
    return ", ".join(sorted([*found, *(["HEAD"] if "GET" in found else [])]))


def _is_served(request: Request, method: str) -> bool:
    asked = {**request.scope, "method": method}
    return any(route.matches(asked)[0] is Match.FULL for route in request.app.routes)


def shown_archives(archives: Sequence[Archive]) -> list[dict[str, Any]]:
    return [asdict(archive) for archive in archives]


def _field_error(problem: Mapping[str, Any]) -> dict[str, str]:
    """One line of `errors`: `/lines/0/quantity` for a field of the body, `?limit` for a parameter."""
    where: Sequence[Any] = problem["loc"]
    place, path = (where[0], where[1:]) if where else ("body", ())
    pointer = "".join(f"/{part}" for part in path)
    prefix = {"query": "?", "header": "header:", "path": "path:", "cookie": "cookie:"}.get(str(place))
    if prefix is not None:
        pointer = prefix + pointer.removeprefix("/")
    return {"pointer": pointer, "code": problem["type"], "message": _message(problem)}


def _message(problem: Mapping[str, Any]) -> str:
    """In the words of the API, not in those of the library that found it."""
    if problem["type"] in ("model_attributes_type", "model_type", "dataclass_type"):
        return "should be a JSON object, sent as application/json"
    return str(problem["msg"]).removeprefix("Value error, ")
