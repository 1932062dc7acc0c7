"""Routes past FastAPI's solver: how a request becomes the arguments of an endpoint is worked out once, not every time.

FastAPI looks at each request anew how every parameter was declared, which takes longer than most commands do. The way
that is laid here only knows what to do when all is well. Whatever is missing or wrong goes to FastAPI, which knows what
to say; so does every endpoint that is declared in a way not foreseen here. The OpenAPI document is made as ever.
"""

from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from functools import cached_property
from typing import Any, get_type_hints

from fastapi import FastAPI, Request, Response
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.routing import APIRoute
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.arguments import Call, Unforeseen, Wrong, arguments, calls_of, content_of, is_json
from api.depth import check_depth
from api.problems import Problem
from api.scopes import sent_headers


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
    def _calls(self) -> Sequence[Call] | None:
        try:
            calls = calls_of(self.dependant)
        except Unforeseen:
            return None
        return calls if get_type_hints(self.endpoint).get("return") is Response else None

    async def answer(self, request: Request) -> Response:
        """What the endpoint makes of it. Raises Wrong, and whatever the endpoint does."""
        calls = self._calls
        assert calls is not None
        results: list[Any] = []
        for call, values in zip(calls, await arguments(calls, request), strict=True):
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
            if is_json(sent_headers(request.scope).get(b"content-type", b"")):
                check_depth(await content_of(request))
            return await asked(request)

        return shallow


class StraightApp(FastAPI):
    """FastAPI with nothing around its routes but what is added to it: no layers of its own that each request pays for.

    So who adds a middleware, outermost last, sees to what happens to an exception that nothing handles."""

    def build_middleware_stack(self) -> ASGIApp:
        """When it starts: what is added later Starlette refuses with RuntimeError."""
        app: ASGIApp = _Straight(self)
        for layer, given, named in reversed(self.user_middleware):
            app = layer(app, *given, **named)
        return app


class _Straight:
    """Pure ASGI, in front of FastAPI's router: takes the straight routes past it, and leaves all else to it."""

    def __init__(self, app: FastAPI) -> None:
        """`app` has all its routes and handlers of exceptions by now."""
        self._handlers = app.exception_handlers
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
        answer = handler(request, error)
        return answer if isinstance(answer, Response) else await answer

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
