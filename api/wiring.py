"""Makes the parts of a shop and joins them. The web app, the workers, the CLI and the tests all open the same shop."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from pydantic import SecretStr

from api import sse
from commands.fulfilment import Gateway
from commands.handler import Handler
from infrastructure import migrations
from infrastructure.accounts import Accounts
from infrastructure.answers import Answers
from infrastructure.background import Background
from infrastructure.cache import RedisCache, open_cache
from infrastructure.committer import Committer
from infrastructure.database import Pool, connect, open_pool
from infrastructure.embedded import open_servers
from infrastructure.event_store import PostgresEventStore
from infrastructure.keyring import Keyring
from infrastructure.metrics import Metrics
from infrastructure.near_cache import NearCache
from infrastructure.positions import HEAD, Positions
from infrastructure.projector import Projector
from infrastructure.pruning import keep_pruned
from infrastructure.reactor import Reactor
from infrastructure.sandbox_gateway import SandboxGateway
from infrastructure.sealer import Sealer
from infrastructure.settings import Settings
from infrastructure.snapshots import Snapshots
from infrastructure.tail import Tail
from infrastructure.tracing import TracedEventStore, Tracing, open_tracing
from infrastructure.wakeups import listen
from infrastructure.watch import Watch
from projections import PROJECTIONS

STOP_AGAIN_S = 2.5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Shop:
    """All that a request, a worker or a command of the CLI may need."""

    settings: Settings
    database_url: str
    pool: Pool
    store: PostgresEventStore
    handler: Handler
    positions: Positions
    cache: RedisCache
    near: NearCache
    answers: Answers
    accounts: Accounts
    projector: Projector
    reactor: Reactor
    background: Background
    owner: str
    """This process, as leases name it."""
    keyring: Keyring
    tail: Tail
    metrics: Metrics
    tracing: Tracing | None


@asynccontextmanager
async def open_shop(
    settings: Settings, *, workers: bool = False, gateway: Gateway | None = None, tracing: Tracing | None = None
) -> AsyncIterator[Shop]:
    """Connect to everything, check the schema, and with `workers` run the projections and policies in this process.

    Leaving stops the workers, then drains the committer. Raises infrastructure.migrations.WrongRevision,
    infrastructure.embedded.Unavailable, or OSError when the database cannot be reached.
    """
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(open_servers(*urls_of(settings), settings.data_dir))
        direct_url = direct(settings, servers.database_url)
        if settings.development:
            await migrations.upgrade(direct_url)
        await migrations.check(direct_url)
        metrics = Metrics()
        tracing = tracing or await stack.enter_async_context(open_tracing())
        watch = Watch(metrics, tracing)
        pool = await stack.enter_async_context(
            open_pool(
                servers.database_url,
                settings.pool_size,
                pooled=settings.pooled,
                patience_s=settings.database_patience_seconds,
            )
        )
        cache = await stack.enter_async_context(open_cache(servers.redis_url, settings.key_prefix, metrics))
        near = NearCache(settings.near_cache_mb * 1_000_000)
        answers = Answers(cache, near)
        stack.push_async_callback(answers.close)
        positions = Positions()
        committer = await stack.enter_async_context(
            Committer(
                lambda: connect(direct_url),
                lambda head: positions.advance(HEAD, head),
                metrics,
                patience_s=settings.database_patience_seconds,
            )
        )
        if tracing is None:
            store = PostgresEventStore(pool, committer, positions)
        else:
            store = TracedEventStore(pool, committer, positions, tracing)
        states = Snapshots(pool)
        stack.push_async_callback(states.close)
        handler = Handler(store, states, cached_streams=settings.state_cache_streams)
        accounts = Accounts(pool)
        stack.callback(accounts.close)
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        projector = Projector(pool, store, positions, PROJECTIONS, owner=owner, cache=cache, watch=watch)
        reactor = Reactor(pool, store, positions, handler, gateway or SandboxGateway(), owner=owner, watch=watch)
        background = Background()
        stack.push_async_callback(background.close)
        keyring = Keyring(settings.sealing_seed(), settings.retired_public_keys())
        tail = Tail(pool, store, positions, sse.frame, listeners_max=settings.feed_listeners, metrics=metrics)
        stack.callback(tail.close)
        work = [listen(lambda: connect(direct_url), positions, near), tail.run()]
        if workers:
            work += [projector.run(), reactor.run(), keep_pruned(pool, settings.idempotency_key_days)]
            if keyring.can_sign:
                within_s = settings.seal_within_seconds
                work.append(Sealer(pool, store, positions, keyring, owner=owner, within_s=within_s).run())
            else:
                log.warning("not_sealing", reason="SEALING_KEY is not set, so the past could be changed unnoticed")
        tasks = [asyncio.create_task(each) for each in work]
        stack.push_async_callback(_stop, tasks)
        yield Shop(
            settings,
            servers.database_url,
            pool,
            store,
            handler,
            positions,
            cache,
            near,
            answers,
            accounts,
            projector,
            reactor,
            background,
            owner,
            keyring,
            tail,
            metrics,
            tracing,
        )


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    running = set(tasks)
    while running:  # a library may lose a cancellation: ask until it is heard
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=STOP_AGAIN_S)


def urls_of(settings: Settings) -> tuple[str | None, str | None]:
    """Of the database and of Redis; None where an embedded server stands in."""
    return _secret(settings.database_url), _secret(settings.redis_url)


def direct(settings: Settings, database_url: str) -> str:
    """Where sessions are kept: past the pooler, if there is one."""
    return _secret(settings.database_direct_url) or database_url


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()
