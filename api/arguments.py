"""What an endpoint is called with, worked out once from how it is declared: its dependencies, and what they take.

The fields are FastAPI's own, and so are their judgements. A plan only knows what to do when all is well.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi._compat import ModelField, field_annotation_is_scalar
from fastapi.dependencies.models import Dependant
from fastapi.params import File, Form
from pydantic_core import from_json
from starlette.requests import ClientDisconnect

from api.depth import check_depth
from api.scopes import sent_headers

_JSON = b"application/json"

_NOT_FORESEEN = (
    "cookie_params",
    "websocket_param_name",
    "background_tasks_param_name",
    "security_scopes_param_name",
    "concurrency",
)


class Unforeseen(Exception):
    """Something that only FastAPI can do."""


class Wrong(Exception):
    """A request that is not as it should be: FastAPI knows what to say."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    alias: str
    field: ModelField
    required: bool
    default: Any

    def value(self, given: Any) -> Any:
        """None is what was not given. Raises Wrong."""
        if given is None:
            if self.required:
                raise Wrong
            return self.default
        value, errors = self.field.validate(given)
        if errors:
            raise Wrong
        return value


@dataclass(frozen=True, slots=True)
class Call:
    """Of a dependency or, as the last one, of the endpoint."""

    made: Callable[..., Awaitable[Any]]
    path: Sequence[_Parameter]
    query: Sequence[_Parameter]
    headers: Sequence[_Parameter]
    body: Sequence[_Parameter]
    request_names: Sequence[str]
    response_name: str | None
    needs: Sequence[tuple[str, int]]
    """Arguments that are results of the calls at these places."""


def calls_of(dependant: Dependant) -> Sequence[Call]:
    """What is to be called, dependencies first and each only once; the endpoint is the last. Raises Unforeseen."""
    calls: list[Call] = []
    _lay(dependant, calls)
    return calls


def _lay(dependant: Dependant, calls: list[Call], places: dict[Any, int] | None = None) -> int:
    """Append it and what it depends on; its place. Raises Unforeseen."""
    is_endpoint, places = places is None, {} if places is None else places
    below = [(each.name, _lay(each, calls, places)) for each in dependant.dependencies]
    made = dependant.call
    if dependant.use_cache and made in places:
        return places[made]
    if made is None or not (iscoroutinefunction(made) or iscoroutinefunction(type(made).__call__)):
        raise Unforeseen
    if any(getattr(dependant, name) for name in _NOT_FORESEEN):
        raise Unforeseen
    bodies = dependant.body_params
    if len(bodies) > is_endpoint or any(isinstance(body.field_info, Form | File) for body in bodies):
        raise Unforeseen
    of_requests = (dependant.path_params, dependant.query_params, dependant.header_params)
    if not all(field_annotation_is_scalar(field.field_info.annotation) for fields in of_requests for field in fields):
        raise Unforeseen
    path, query, headers, body = ([*map(_parameter, fields)] for fields in (*of_requests, bodies))
    needs = [(name, place) for name, place in below if name is not None]
    names = [*filter(None, (dependant.request_param_name, dependant.http_connection_param_name))]
    calls.append(Call(made, path, query, headers, body, names, dependant.response_param_name, needs))
    places[made] = len(calls) - 1
    return places[made]


def _parameter(field: ModelField) -> _Parameter:
    info = field.field_info
    default = None if info.is_required() else field.default
    if info.validate_default or getattr(info, "embed", None) or not isinstance(default, str | int | float | None):
        raise Unforeseen  # a default that might be changed by who gets it must be a fresh one each time
    return _Parameter(field.name, field.alias, field, info.is_required(), default)


async def arguments(calls: Sequence[Call], request: Request) -> Sequence[dict[str, Any]]:
    """Of each call, but for what others result in. All is looked at before anything is called. Raises Wrong."""
    headers = sent_headers(request.scope)
    path: Mapping[str, Any] = request.path_params
    found: list[dict[str, Any]] = []
    response: Response | None = None
    for call in calls:
        values = {each.name: each.value(path.get(each.alias)) for each in call.path}
        for each in call.query:
            values[each.name] = each.value(request.query_params.get(each.alias))
        for each in call.headers:
            given = headers.get(each.alias.encode())
            values[each.name] = each.value(None if given is None else given.decode("latin-1"))
        for each in call.body:
            values[each.name] = each.value(await _body(request, headers.get(b"content-type", b"")))
        for name in call.request_names:
            values[name] = request
        if call.response_name is not None:
            if response is None:
                response = Response()
                del response.headers["content-length"]
            values[call.response_name] = response
        found.append(values)
    return found


async def _read(request: Request) -> bytes:
    """As `request.body()`; nearly always all of it is there at once."""
    if not hasattr(request, "_body"):
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        request._body = message.get("body", b"")
        if message.get("more_body"):
            rest = Request(request.scope, request.receive)
            request._body += await rest.body()
    return request._body


async def content_of(request: Request) -> bytes:
    """The body. Raises HTTPException."""
    try:
        return await _read(request)
    except Exception as error:  # as FastAPI does: the client has gone, or sends too much
        raise HTTPException(400, "There was an error parsing the body") from error


async def _body(request: Request, content_type: bytes) -> Any:
    """What stands in the JSON; None if there is no body. Raises Wrong."""
    if not (content := await content_of(request)):
        return None
    if not is_json(content_type):
        raise Wrong
    check_depth(content)
    try:
        return from_json(content)
    except ValueError:
        raise Wrong from None


def is_json(content_type: bytes) -> bool:
    """Whether a body with this `Content-Type` is."""
    return content_type == _JSON or content_type.partition(b";")[0].strip().lower() == _JSON
