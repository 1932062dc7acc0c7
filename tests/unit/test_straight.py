"""A straight route answers as FastAPI's own does, whatever it is sent, and leaves to it only what is not well."""

from collections.abc import Callable
from typing import Annotated, Any

import fastapi.routing
import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import commands
from api.security import Visitor
from api.straight import StraightApp, StraightRoute

BY_FASTAPI = {
    "/v1/auth/login",  # takes a form
    "/v1/payments/webhooks/{gateway}",  # its signature is over the bytes
    "/v1/admin/projections/{name}/rebuild",  # these answer with a model
    "/v1/admin/parked/{parked_id}/retry",
    "/v1/admin/parked/{parked_id}/skip",
}


class Line(BaseModel):
    sku: Annotated[str, Field(max_length=5)]
    quantity: Annotated[int, Field(ge=1, strict=True)] = 1


async def counted(request: Request, x_seen: Annotated[int | None, Header(ge=0)] = None) -> int:
    request.scope["calls"] = request.scope.get("calls", 0) + 1
    return x_seen or 0


async def doubled(seen: Annotated[int, Depends(counted)], response: Response) -> int:
    response.headers["Doubled"] = str(2 * seen)
    return 2 * seen


def app_with(route_class: type[APIRoute]) -> FastAPI:
    router = APIRouter(route_class=route_class)

    @router.post("/v1/lines/{place}")
    async def add(
        request: Request,
        body: Line,
        place: Annotated[int, Path(ge=0)],
        seen: Annotated[int, Depends(counted)],
        double: Annotated[int, Depends(doubled)],
        response: Response,
        page: Annotated[str, Query(max_length=3)] = "one",
    ) -> Response:
        said = f"{body} {place} {seen} {double} {page} {request.scope['calls']}"
        return Response(said, 201, headers=dict(response.headers))

    @router.delete("/v1/lines")
    async def clear(body: Line | None = None) -> Response:
        return Response(f"{body}")

    app = StraightApp() if route_class is StraightRoute else FastAPI()
    app.router.routes.extend(router.routes)
    return app


WELL: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/v1/lines/3?page=two", {"json": {"sku": "A"}, "headers": {"X-Seen": "7"}}),
    ("POST", "/v1/lines/3", {"json": {"sku": "A", "quantity": 2}}),
    ("POST", "/v1/lines/3", {"json": {"sku": "ä", "more": [1]}, "headers": [("X-Seen", "1"), ("X-Seen", "2")]}),
    ("DELETE", "/v1/lines", {"json": {"sku": "A"}}),
    (
        "POST",
        "/v1/lines/3",
        {"content": b'{"sku": "A"}', "headers": {"Content-Type": "application/JSON; charset=utf-8"}},
    ),
    ("DELETE", "/v1/lines", {}),
]
NOT_WELL: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/v1/lines/3", {"json": {"sku": "A", "quantity": "2"}}),
    ("POST", "/v1/lines/3", {"json": {"sku": "A", "quantity": 0}, "headers": {"X-Seen": "-1"}}),
    ("POST", "/v1/lines/x?page=three", {"json": {"sku": "much too long"}}),
    ("POST", "/v1/lines/3", {"json": {}}),
    ("POST", "/v1/lines/3", {}),
    ("POST", "/v1/lines/3", {"content": b"{", "headers": {"Content-Type": "application/json"}}),
    ("POST", "/v1/lines/3", {"content": b'{"sku": "\xff"}', "headers": {"Content-Type": "application/json"}}),
    ("POST", "/v1/lines/3", {"content": b'{"sku": "A"}'}),
    ("POST", "/v1/lines/3", {"content": b'{"sku": "A"}', "headers": {"Content-Type": "application/merge+json"}}),
    ("POST", "/v1/lines/3", {"content": b'{"sku": "A"}', "headers": {"Content-Type": "text/plain"}}),
    ("DELETE", "/v1/lines", {"content": b"null", "headers": {"Content-Type": "application/json"}}),
    ("PUT", "/v1/lines", {}),
    ("POST", "/v1/line", {}),
]


async def answered(app: FastAPI, method: str, path: str, sent: dict[str, Any]) -> tuple[int, bytes, dict[str, str]]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        answer = await client.request(method, path, **sent)
    return answer.status_code, answer.content, dict(answer.headers)


@pytest.mark.parametrize(("method", "path", "sent"), WELL + NOT_WELL)
async def test_it_answers_as_fastapi_does(method: str, path: str, sent: dict[str, Any]) -> None:
    straight, plain = app_with(StraightRoute), app_with(APIRoute)
    assert await answered(straight, method, path, sent) == await answered(plain, method, path, sent)


@pytest.mark.parametrize(("method", "path", "sent"), WELL)
async def test_what_is_well_is_not_solved_by_fastapi(
    method: str, path: str, sent: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fastapi.routing, "solve_dependencies", None)
    status, body, headers = await answered(app_with(StraightRoute), method, path, sent)
    assert status in (200, 201)
    if "7" in body.decode():
        assert body == b"sku='A' quantity=1 3 7 14 two 1"
        assert headers["doubled"] == "14"


async def test_below_another_path_the_routes_are_found_as_well() -> None:
    outer = FastAPI()
    outer.mount("/shop", app_with(StraightRoute))
    assert (await answered(outer, "DELETE", "/shop/v1/lines", {}))[0] == 200


class Named:
    """A middleware that says that it was there."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        self._app, self._name = app, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"passed", self._name.encode())]
            await send(message)

        await self._app(scope, receive, named)


async def test_what_is_added_stands_around_it_and_the_last_outermost() -> None:
    app = app_with(StraightRoute)
    app.add_middleware(Named, "inner")
    app.add_middleware(Named, name="outer")
    assert (await answered(app, "DELETE", "/v1/lines", {}))[2]["passed"] == "inner, outer"


async def test_what_is_added_too_late_is_refused() -> None:
    app = app_with(StraightRoute)
    await answered(app, "DELETE", "/v1/lines", {})
    with pytest.raises(RuntimeError, match="after an application has started"):
        app.add_middleware(Named, "late")


@pytest.mark.parametrize("route_class", [APIRoute, StraightRoute])
async def test_a_handler_of_exceptions_may_answer_at_once(route_class: type[APIRoute]) -> None:
    async def failing() -> Response:
        raise LookupError

    app = app_with(route_class)
    app.router.routes.append(route_class("/v1/failing", failing))
    app.add_exception_handler(LookupError, lambda request, error: Response(status_code=418))
    assert (await answered(app, "GET", "/v1/failing", {}))[0] == 418


def endpoints() -> list[StraightRoute]:
    return [route for router in commands.ROUTERS for route in router.routes if isinstance(route, StraightRoute)]


def test_every_command_is_a_straight_route() -> None:
    assert len(endpoints()) == sum(len(router.routes) for router in commands.ROUTERS) > 30
    assert {route.path for route in endpoints() if not route.is_straight} == BY_FASTAPI


def refused(endpoint: Callable[..., Any]) -> bool:
    router = APIRouter(route_class=StraightRoute)
    router.add_api_route("/x", endpoint)
    (route,) = router.routes
    return isinstance(route, StraightRoute) and not route.is_straight


def test_what_only_fastapi_can_do_is_left_to_it() -> None:
    def in_a_thread() -> str:
        return "made"

    async def with_thread(made: Annotated[str, Depends(in_a_thread)]) -> Response:
        raise NotImplementedError

    async def with_list(many: Annotated[list[str], Query()]) -> Response:
        raise NotImplementedError

    async def with_model(page: Annotated[Line, Query()]) -> Response:
        raise NotImplementedError

    async def with_two(one: Line, two: Line) -> Response:
        raise NotImplementedError

    async def with_fresh(options: Annotated[Any, Header(default_factory=dict)]) -> Response:
        raise NotImplementedError

    async def with_visitor(visitor: Visitor) -> Response:
        raise NotImplementedError

    async def with_answer() -> Line:
        raise NotImplementedError

    for endpoint in (with_thread, with_list, with_model, with_two, with_fresh, with_answer):
        assert refused(endpoint), endpoint
    assert not refused(with_visitor)
