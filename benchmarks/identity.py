"""What it costs to know who asks, to count how often they do, and to let them in."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import bcrypt
import httpx
from fastapi import APIRouter, FastAPI, Response
from pydantic import SecretStr

from api.app import create_app
from api.security import Staff
from api.straight import StraightApp, StraightRoute
from api.wiring import Shop, open_shop
from benchmarks.bare_service import NewLine
from benchmarks.children import MASTER_KEY, SECRET_KEY
from benchmarks.figures import Aim, Figure
from benchmarks.ground import Ground
from benchmarks.load import under_load
from commands.user import STAFF, RegisterUser
from events.values import UserId
from infrastructure.accounts import ROUNDS
from infrastructure.ids import new_id
from infrastructure.limits import Limit
from infrastructure.settings import Settings

PASSWORD = "correct horse 9"
USERS = 8
THREADS = 2
LINE = b'{"sku": "SKU-1", "quantity": 1}'


async def measure_auth(ground: Ground) -> list[Figure]:
    """The same endpoint with and without a token that must be good and a role that must be there."""
    async with _shop(ground) as shop:
        token = shop.access_tokens.issue("usr_bench", "ses_bench", frozenset({STAFF}))
        header = [(b"content-type", b"application/json"), (b"authorization", f"Bearer {token}".encode())]
        plain, guarded, bare = _plain(shop), _guarded(shop), _bare()
        costs: dict[str, list[float]] = {"plain": [], "guarded": [], "bare": []}
        for _ in range(3 * ground.runs):
            for name, app in (("plain", plain), ("guarded", guarded), ("bare", bare)):
                costs[name].append(await _each_us(app, header, 500 if ground.quick else 3_000))
    cost = max(0.0, median(costs["guarded"]) - median(costs["plain"]))
    aim = Aim("ratio", "<=", 0.15)
    return [Figure("auth_overhead", "µs", cost, "FastAPI alone, same body (µs)", median(costs["bare"]), aim)]


async def measure_limits(ground: Ground) -> list[Figure]:
    """What goes to Redis for a sign-in's three limits, and how long that takes."""
    wide = [(Limit(name, 1_000_000, 0.001), "bench") for name in ("here", "account", "address")]
    async with _shop(ground) as shop:
        await shop.limits.take(*wide)
        client: Any = shop.cache._client
        asked, execute = 0, client.execute_command

        async def counted(*args: Any, **options: Any) -> Any:
            nonlocal asked
            asked += 1
            return await execute(*args, **options)

        client.execute_command = counted
        times = 200 if ground.quick else 2_000
        shared_us = await _mean_us(lambda: shop.limits.take(*wide), times)
        trips = asked / times

        async def local() -> None:
            shop.limits.local.take(wide[0])

        local_us = await _mean_us(local, 10 * times)
    return [
        Figure("limit_roundtrips", "round trips", trips, "no peer", None, Aim("value", "<=", 1)),
        Figure("limit_roundtrips_time", "µs", shared_us, "counted in memory (µs)", local_us),
    ]


async def measure_logins(ground: Ground) -> list[Figure]:
    """Eight people sign in again and again, beside the same hashes compared by themselves on as many threads."""
    rates, alone = [], []
    async with _shop(ground) as shop:
        emails = [f"{secrets.token_hex(6)}@example.com" for _ in range(USERS)]
        for email in emails:
            user_id = UserId(new_id("usr"))
            await shop.accounts.add(user_id, email, PASSWORD)
            await shop.handler(RegisterUser(user_id, email))
        app = create_app(shop.settings, shop)
        app.state.shop = shop
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bench") as http:

            async def login(number: int) -> None:
                form = {"username": emails[number], "password": PASSWORD}
                answer = await http.post("/v1/auth/login", data=form)
                assert answer.status_code == 200, answer.text

            for _ in range(ground.runs):
                alone.append(await _compared(ground.seconds))
                rates.append((await under_load(USERS, ground.seconds, login)).per_s)
    peer = f"bcrypt alone at cost {ROUNDS}, {THREADS} threads"
    return [Figure("login_bcrypt", "sign-ins/s", median(rates), peer, median(alone), Aim("ratio", ">=", 0.9))]


@asynccontextmanager
async def _shop(ground: Ground) -> AsyncIterator[Shop]:
    with TemporaryDirectory() as data_dir:
        async with ground.database() as url:
            settings = Settings(
                _env_file=None,
                database_url=SecretStr(url),
                redis_url=SecretStr(ground.redis_url),
                secret_key=SecretStr(SECRET_KEY),
                master_key=SecretStr(MASTER_KEY),
                key_prefix=f"bench-{secrets.token_hex(4)}:",
                data_dir=Path(data_dir),
                log_level="error",
            )
            async with open_shop(settings) as shop:
                yield shop


def _plain(shop: Shop) -> FastAPI:
    async def add(body: NewLine) -> Response:
        return Response(body.model_dump_json(), 201)

    return _app(add, shop)


def _guarded(shop: Shop) -> FastAPI:
    async def add(body: NewLine, staff: Staff) -> Response:
        return Response(body.model_dump_json(), 201)

    return _app(add, shop)


def _bare() -> FastAPI:
    app = FastAPI()

    @app.post("/v1/cart/lines", status_code=201)
    async def add(body: NewLine) -> NewLine:
        return body

    return app


def _app(endpoint: Callable[..., Any], shop: Shop) -> FastAPI:
    app, router = StraightApp(), APIRouter(route_class=StraightRoute)
    router.post("/v1/cart/lines")(endpoint)
    app.router.routes.extend(router.routes)
    app.state.shop = shop
    return app


async def _each_us(app: FastAPI, headers: list[tuple[bytes, bytes]], times: int) -> float:
    scope = {"type": "http", "method": "POST", "path": "/v1/cart/lines", "raw_path": b"", "query_string": b""}
    scope |= {"root_path": "", "scheme": "http", "server": ("bench", 80), "client": ("bench", 1)}
    statuses = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": LINE, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def ask() -> None:
        await app({**scope, "headers": headers}, receive, send)

    taken = await _mean_us(ask, times)
    assert set(statuses) <= {200, 201}, statuses[-1]
    return taken


async def _mean_us(call: Callable[[], Awaitable[object]], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        await call()
    return (time.perf_counter() - began) / times * 1e6


async def _compared(seconds: float) -> float:
    """Comparisons per second, and nothing else."""
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(ROUNDS))
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(THREADS) as threads:

        async def compare(number: int) -> None:
            assert await loop.run_in_executor(threads, bcrypt.checkpw, PASSWORD.encode(), hashed)

        return (await under_load(USERS, seconds, compare)).per_s
