"""Routes past FastAPI's solver: how a request becomes the arguments of an endpoint is worked out once, not every time.

FastAPI looks at each request anew how every parameter was declared, which takes longer than most commands do. The way
that is laid here only knows what to do when all is well. Whatever is missing or wrong goes to FastAPI, which knows what
to say; so does every endpoint that is declared in a way not foreseen here. The OpenAPI document is made as ever.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from inspect import iscoroutinefunction
from typing import Any, get_type_hints

from fastapi import HTTPException, Request, Response
from fastapi._compat import ModelField, field_annotation_is_scalar
from fastapi.dependencies.models import Dependant
from fastapi.params import File, Form
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.routing import Match
from starlette.types import Scope

from api.depth import check_depth

_NOT_FORESEEN = (
    "cookie_params",
    "websocket_param_name",
    "background_tasks_param_name",
    "security_scopes_param_name",
    "concurrency",
)


class StraightRoute(APIRoute):
    """For `APIRouter(route_class=...)`: as any other route, and faster where the endpoint makes the Response itself."""

    @cached_property
    def _beginning(self) -> str:
        return self.path.partition("{")[0]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Most routes that are tried are others': how they begin tells, for a tenth of the time."""
        if not scope["path"].startswith(self._beginning) and not scope.get("root_path"):
            return Match.NONE, {}
        return super().matches(scope)

    @cached_property
    def is_straight(self) -> bool:
        """Whether FastAPI is asked only about what is wrong."""
        return self._calls is not None

    @cached_property
    def _calls(self) -> "Sequence[_Call] | None":
        calls: list[_Call] = []
        try:
            _lay(self.dependant, calls)
        except _Unforeseen:
            return None
        return calls if get_type_hints(self.endpoint).get("return") is Response else None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        by_the_book, calls = self._by_the_book(), self._calls
        if calls is None:
            return by_the_book

        async def straight(request: Request) -> Response:
            try:
                arguments = await _arguments(calls, request)
            except _Wrong:
                return await by_the_book(request)
            results: list[Any] = []
            for call, values in zip(calls, arguments, strict=True):
                for name, place in call.needs:
                    values[name] = results[place]
                results.append(await call.made(**values))
            response: Response = results[-1]
            return response

        return straight

    def _by_the_book(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        asked = super().get_route_handler()
        if self.body_field is None:
            return asked

        async def shallow(request: Request) -> Response:
            if _is_json(request.headers.get("content-type")):
                check_depth(await _content(request))
            return await asked(request)

        return shallow


class _Unforeseen(Exception):
    """Something that only FastAPI can do."""


class _Wrong(Exception):
    """A request that is not as it should be."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    alias: str
    field: ModelField
    required: bool
    default: Any

    def value(self, given: Any) -> Any:
        """None is what was not given. Raises _Wrong."""
        if given is None:
            if self.required:
                raise _Wrong
            return self.default
        value, errors = self.field.validate(given)
        if errors:
            raise _Wrong
        return value


@dataclass(frozen=True, slots=True)
class _Call:
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


def _lay(dependant: Dependant, calls: list[_Call], places: dict[Any, int] | None = None) -> int:
    """Append what is to be called, dependencies first and each only once; its place. Raises _Unforeseen."""
    is_endpoint, places = places is None, {} if places is None else places
    below = [(each.name, _lay(each, calls, places)) for each in dependant.dependencies]
    made = dependant.call
    if dependant.use_cache and made in places:
        return places[made]
    awaited = iscoroutinefunction(made) or iscoroutinefunction(getattr(made, "__call__", None))  # noqa: B004
    if made is None or not awaited or any(getattr(dependant, name) for name in _NOT_FORESEEN):
        raise _Unforeseen
    bodies = dependant.body_params
    if len(bodies) > is_endpoint or any(isinstance(body.field_info, Form | File) for body in bodies):
        raise _Unforeseen
    of_requests = (dependant.path_params, dependant.query_params, dependant.header_params)
    if not all(field_annotation_is_scalar(field.field_info.annotation) for fields in of_requests for field in fields):
        raise _Unforeseen
    path, query, headers, body = ([*map(_parameter, fields)] for fields in (*of_requests, bodies))
    needs = [(name, place) for name, place in below if name is not None]
    names = [*filter(None, (dependant.request_param_name, dependant.http_connection_param_name))]
    calls.append(_Call(made, path, query, headers, body, names, dependant.response_param_name, needs))
    places[made] = len(calls) - 1
    return places[made]


def _parameter(field: ModelField) -> _Parameter:
    info = field.field_info
    default = None if info.is_required() else field.default
    if info.validate_default or getattr(info, "embed", None) or not isinstance(default, str | int | float | None):
        raise _Unforeseen  # a default that might be changed by who gets it must be a fresh one each time
    return _Parameter(field.name, field.alias, field, info.is_required(), default)


async def _arguments(calls: Sequence[_Call], request: Request) -> Sequence[dict[str, Any]]:
    """Of each call, but for what others result in. All is looked at before anything is called. Raises _Wrong."""
    headers: dict[str, str] = {}
    for key, value in request.scope["headers"]:
        headers.setdefault(key.decode("latin-1"), value.decode("latin-1"))
    path: Mapping[str, Any] = request.path_params
    found: list[dict[str, Any]] = []
    response: Response | None = None
    for call in calls:
        values = {each.name: each.value(path.get(each.alias)) for each in call.path}
        if call.query:
            query = request.query_params
            values.update({each.name: each.value(query.get(each.alias)) for each in call.query})
        for each in call.headers:
            values[each.name] = each.value(headers.get(each.alias))
        for each in call.body:
            values[each.name] = each.value(await _body(request, headers.get("content-type")))
        for name in call.request_names:
            values[name] = request
        if call.response_name is not None:
            if response is None:
                response = Response()
                del response.headers["content-length"]
            values[call.response_name] = response
        found.append(values)
    return found


async def _body(request: Request, content_type: str | None) -> Any:
    """What stands in the JSON; None if there is no body. Raises _Wrong."""
    if not (content := await _content(request)):
        return None
    if not _is_json(content_type):
        raise _Wrong
    check_depth(content)
    try:
        return from_json(content)
    except ValueError:
        raise _Wrong from None


async def _content(request: Request) -> bytes:
    try:
        return await request.body()
    except Exception as error:  # as FastAPI does: the client has gone, or sends too much
        raise HTTPException(400, "There was an error parsing the body") from error


def _is_json(content_type: str | None) -> bool:
    return (content_type or "").partition(";")[0].strip().lower() == "application/json"
