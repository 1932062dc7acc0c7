"""Routes past FastAPI's solver: how a request becomes the arguments of an endpoint is worked out once, not every time.

FastAPI looks at each request anew how every parameter was declared, which takes longer than most commands do. The way
that is laid here only knows what to do when all is well. Whatever is missing or wrong goes to FastAPI, which knows what
to say; so does every endpoint that is declared in a way not foreseen here. The OpenAPI document is made as ever.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from inspect import iscoroutinefunction
from typing import Any, get_type_hints

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi._compat import ModelField, field_annotation_is_scalar
from fastapi.dependencies.models import Dependant
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.params import File, Form
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route
from starlette.types import Message, Receive, Scope, Send

from api.depth import check_depth
from api.problems import Problem
from api.scopes import sent_headers

_JSON = b"application/json"

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

    async def answer(self, request: Request) -> Response:
        """What the endpoint makes of it. Raises Wrong, and whatever the endpoint does."""
        calls = self._calls
        assert calls is not None
        arguments = await _arguments(calls, request)
        results: list[Any] = []
        for call, values in zip(calls, arguments, strict=True):
            for name, place in call.needs:
                values[name] = results[place]
            results.append(await call.made(**values))
        response: Response = results[-1]
        return response

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """By the book, once the body is found to be no deeper than it may be."""
        asked = super().get_route_handler()
        if self.body_field is None:
            return asked

        async def shallow(request: Request) -> Response:
            if _is_json(sent_headers(request.scope).get(b"content-type", b"")):
                check_depth(await _content(request))
            return await asked(request)

        return shallow


class Straight:
    """Pure ASGI, in front of FastAPI's router: takes the straight routes past it, and leaves all else to it."""

    def __init__(self, app: FastAPI) -> None:
        """`app` has all its routes and handlers of exceptions by now. This is to be its `middleware_stack`."""
        self._handlers: Mapping[Any, Callable[..., Awaitable[Response]]] = app.exception_handlers  # type: ignore[assignment]
        self._by_the_book = ExceptionMiddleware(AsyncExitStackMiddleware(app.router), app.exception_handlers)
        # In the order in which they are tried. Those that leave one of their first two parts open are never found here.
        self._routes: defaultdict[tuple[str, str], list[Route]] = defaultdict(list)
        for route in app.routes:
            for method in getattr(route, "methods", None) or ():
                assert isinstance(route, Route)
                self._routes[method, _first_parts(route.path)].append(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._route(scope) if scope["type"] == "http" else None
        if route is None:
            await self._by_the_book(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response = await route.answer(request)
        except Wrong:
            await self._by_the_book(scope, _again(request), send)
            return
        except Exception as error:
            response = await self._told(request, error)
        try:
            await response(scope, receive, send)
        except Problem as problem:  # a stream that cannot begin
            await (await self._told(request, problem))(scope, receive, send)

    async def _told(self, request: Request, error: Exception) -> Response:
        handler = next((self._handlers[each] for each in type(error).__mro__ if each in self._handlers), None)
        if handler is None:
            raise error
        return await handler(request, error)

    def _route(self, scope: Scope) -> StraightRoute | None:
        """The first that serves the request, if it is a straight one: what then is known is noted in the scope."""
        for route in self._routes.get((scope["method"], _first_parts(scope["path"])), ()):
            if route.path == scope["path"]:  # most paths of commands say no more than which one it is
                found: Scope = {"endpoint": route.endpoint, "path_params": {}, "route": route}
            else:
                match, found = route.matches(scope)
                if match is not Match.FULL:
                    continue
            if not isinstance(route, StraightRoute) or not route.is_straight or scope.get("root_path"):
                return None
            scope.update(found)
            return route
        return None


def _first_parts(path: str) -> str:
    return "/".join(path.split("/", 3)[:3])


def _again(request: Request) -> Receive:
    """Gives once more what was read already."""
    read = getattr(request, "_body", None)

    async def receive() -> Message:
        nonlocal read
        if read is None:
            return await request.receive()
        body, read = read, None
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


class _Unforeseen(Exception):
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


async def _content(request: Request) -> bytes:
    try:
        return await _read(request)
    except Exception as error:  # as FastAPI does: the client has gone, or sends too much
        raise HTTPException(400, "There was an error parsing the body") from error


async def _body(request: Request, content_type: bytes) -> Any:
    """What stands in the JSON; None if there is no body. Raises Wrong."""
    if not (content := await _content(request)):
        return None
    if not _is_json(content_type):
        raise Wrong
    check_depth(content)
    try:
        return from_json(content)
    except ValueError:
        raise Wrong from None


def _is_json(content_type: bytes) -> bool:
    return content_type == _JSON or content_type.partition(b";")[0].strip().lower() == _JSON
