"""Errors as RFC 9457 problem details, made in one place. A client can never cause a 500."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form
from fastapi.responses import Response
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.routing import Match

from api.problem_catalog import CATALOG
from commands.checkout_rejections import AddressRequired, CouponTermsRefused, ShippingMethodRequired
from commands.handler import KeyInFlight, KeyReused
from commands.rejections import AmountRefused, AttributesRefused, LimitExceeded, NotFound, Rejected, VersionMismatch
from events.store import AppendRefused, Archive, PositionsArchived, StoreBusy, StreamArchived, Unacknowledged
from infrastructure.codec import UnknownFact
from infrastructure.database import BAD_INPUT, UNREACHABLE

RETRY_AFTER_S = "1"
A_FORM = "required, in a form: Content-Type: application/x-www-form-urlencoded"

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


def answer_of(request: Request, problem: Problem) -> Response:
    return answer(
        request, problem.status, problem.code, problem.detail, headers=problem.headers, members=problem.members
    )


def install(app: FastAPI, turned_away: Callable[[Request], None]) -> None:
    """Turn everything that can go wrong in an endpoint into a problem. `turned_away` is called for each 403."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> Response:
        if problem.status == 403:
            turned_away(request)
        return answer_of(request, problem)

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
        if _form_wanted(request):
            errors = [{**each, "message": A_FORM} if each["code"] == "missing" else each for each in errors]
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

    @app.exception_handler(UnknownFact)
    async def _unknown_fact(request: Request, error: UnknownFact) -> Response:
        """A newer version has written here, and one of its processes may answer the next time."""
        log.error("unknown_fact", error=str(error))
        return answer(request, 503, "unavailable", "This is not known to the version of Daybook that was asked.")

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


def _form_wanted(request: Request) -> bool:
    """Whether the fields of a form are missing since something else was sent."""
    route, given = request.scope.get("route"), request.headers.get("content-type", "")
    wanted = any(isinstance(field.field_info, Form) for field in _body_params(getattr(route, "dependant", None)))
    return wanted and not given.startswith(("application/x-www-form-urlencoded", "multipart/form-data"))


def _body_params(dependant: Any) -> Iterator[Any]:
    if dependant is not None:
        yield from dependant.body_params
        for below in dependant.dependencies:
            yield from _body_params(below)


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
    no_body = problem["type"] == "missing" and problem["loc"] == ("body",)
    if no_body or problem["type"] in ("model_attributes_type", "model_type", "dataclass_type"):
        return "should be a JSON object, sent as application/json"
    return str(problem["msg"]).removeprefix("Value error, ")
