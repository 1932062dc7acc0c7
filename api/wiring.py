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
from commands.fulfilment import fulfilment
from commands.gateway import Gateway
from commands.handler import Handler
from infrastructure import migrations, search_language
from infrastructure.access_tokens import AccessTokens
from infrastructure.accounts import Accounts
from infrastructure.answers import Answers
from infrastructure.background import Background
from infrastructure.cache import RedisCache, open_cache
from infrastructure.committer import Committer
from infrastructure.data_dir import make_data_dir
from infrastructure.database import Pool, connect, open_pool
from infrastructure.deadlines import keep_deadlines
from infrastructure.embedded import open_servers
from infrastructure.event_store import PostgresEventStore
from infrastructure.http_gateway import open_gateway
from infrastructure.keyring import Keyring
from infrastructure.limits import Limits
from infrastructure.mail.mailed_tokens import MailedTokens
from infrastructure.mail.mailing import mailing
from infrastructure.mail.post import FolderPost, Post, SmtpPost, domain_of
from infrastructure.metrics import Metrics
from infrastructure.near_cache import NearCache
from infrastructure.paper_pdf import Press
from infrastructure.positions import HEAD, Positions
from infrastructure.projector import Projector
from infrastructure.pruning import keep_pruned
from infrastructure.reactor import Reactor
from infrastructure.sandbox.server import sandbox_served
from infrastructure.sealer import Sealer
from infrastructure.sessions import Sessions
from infrastructure.settings import Settings, SettingsRefused
from infrastructure.snapshots import Snapshots
from infrastructure.stream_reader import StreamReader
from infrastructure.tail import Tail
from infrastructure.tracing import TracedEventStore, Tracing, open_tracing
from infrastructure.vault import Vault
from infrastructure.wakeups import listen
from infrastructure.watch import Watch
from projections import PROJECTIONS
from queries import order_summary

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
    access_tokens: AccessTokens
    sessions: Sessions
    mailed_tokens: MailedTokens
    limits: Limits
    vault: Vault
    projector: Projector
    gateway: Gateway | None
    """None in production where no DAYBOOK_GATEWAY_URL is set, which is enough for those who take no payments."""
    background: Background
    owner: str
    """This process, as leases name it."""
    keyring: Keyring
    tail: Tail
    press: Press
    metrics: Metrics
    tracing: Tracing | None
    orders: StreamReader
    """Of the read table: those who wait for the same page of it all ask when it is there."""


@asynccontextmanager
async def open_shop(
    settings: Settings, *, workers: bool = False, gateway: Gateway | None = None, tracing: Tracing | None = None
) -> AsyncIterator[Shop]:
    """Connect to everything, check the schema, and with `workers` run the projections and policies in this process.

    Leaving stops the workers, then drains the committer. Raises infrastructure.settings.SettingsRefused,
    infrastructure.migrations.WrongRevision, infrastructure.search_language.LanguageRefused,
    infrastructure.embedded.Unavailable, or OSError when the database cannot be reached.
    """
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(open_servers(*urls_of(settings), settings.data_dir))
        direct_url = direct(settings, servers.database_url)
        if settings.development:
            await migrations.upgrade(direct_url)
            await search_language.speak(direct_url, settings.search_language)
        await migrations.check(direct_url)
        await search_language.check(direct_url, settings.search_language)
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
        vault = Vault(settings.master_keys())
        await vault.check(pool)
        committer = await stack.enter_async_context(
            Committer(
                lambda: connect(direct_url),
                lambda head: positions.advance(HEAD, head),
                metrics,
                patience_s=settings.database_patience_seconds,
                vault=vault,
            )
        )
        if tracing is None:
            store = PostgresEventStore(pool, committer, positions, vault)
        else:
            store = TracedEventStore(pool, committer, positions, vault, tracing)
        states = Snapshots(pool, vault=vault)
        stack.push_async_callback(states.close)
        handler = Handler(store, states, cached_streams=settings.state_cache_streams)
        accounts = Accounts(pool, rounds=settings.password_rounds)
        stack.callback(accounts.close)
        secret = settings.signing_key()
        access_tokens = AccessTokens(secret, settings.access_token_minutes * 60)
        sessions = Sessions(
            pool, access_tokens, secret, days=settings.session_days, idle_days=settings.session_idle_days
        )
        await sessions.ask()
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        projector = Projector(pool, store, positions, PROJECTIONS, owner=owner, cache=cache, watch=watch)
        gateway = gateway or await stack.enter_async_context(_gateway(settings))
        post, domain = _post(settings), domain_of(settings.mail_from)
        mailed_tokens = MailedTokens(pool, post, shop=settings.shop_name, domain=domain, link=settings.account_url)
        background = Background()
        stack.push_async_callback(background.close)
        keyring = Keyring(settings.sealing_seed(), settings.retired_public_keys())
        tail = Tail(pool, store, positions, sse.frame, listeners_max=settings.feed_listeners, metrics=metrics)
        stack.callback(tail.close)
        press = Press()
        stack.callback(press.close)
        work = [listen(lambda: connect(direct_url), positions, near, vault), tail.run()]
        work.append(sessions.keep_informed())
        if workers:
            if gateway is None:
                raise SettingsRefused("in production mode DAYBOOK_GATEWAY_URL must say where payments are taken")
            policies = [fulfilment(gateway, settings.seller)]
            policies.append(mailing(post, store, shop=settings.shop_name, domain=domain))
            reactors = [Reactor(pool, store, positions, handler, each, owner=owner, watch=watch) for each in policies]
            work += [projector.run(), *(each.run() for each in reactors)]
            # One worker keeps the deadlines: the one that has the lease of the first policy.
            work += [keep_deadlines(pool, handler, lambda: reactors[0].works)]
            work += [keep_pruned(pool, settings.idempotency_key_days, sessions.prune, mailed_tokens.prune)]
            work.append(mailed_tokens.keep_sending())
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
            access_tokens,
            sessions,
            mailed_tokens,
            Limits(cache),
            vault,
            projector,
            gateway,
            background,
            owner,
            keyring,
            tail,
            press,
            metrics,
            tracing,
            StreamReader(pool, order_summary.SEVERAL),
        )


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    running = set(tasks)
    while running:  # a library may lose a cancellation: ask until it is heard
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=STOP_AGAIN_S)


@asynccontextmanager
async def _gateway(settings: Settings) -> AsyncIterator[Gateway | None]:
    """In development without DAYBOOK_GATEWAY_URL, a sandbox that is served along."""
    async with AsyncExitStack() as stack:
        url, key = settings.gateway_url, _secret(settings.gateway_key)
        if url is None and settings.development:
            make_data_dir(settings.data_dir)
            [secret, *_] = settings.webhook_secrets()
            url = await stack.enter_async_context(sandbox_served(settings.data_dir, secret))
        if url is None:
            yield None
        else:
            yield await stack.enter_async_context(open_gateway(url, key or "daybook", settings.webhook_url()))


def _post(settings: Settings) -> Post | None:
    if settings.smtp_url is not None:
        return SmtpPost(settings.smtp_url.get_secret_value(), settings.mail_from)
    if settings.development:
        return FolderPost(settings.data_dir / "mailbox", settings.mail_from)
    log.warning("not_mailing", reason="DAYBOOK_SMTP_URL is not set, so customers get no letters")
    return None


def urls_of(settings: Settings) -> tuple[str | None, str | None]:
    """Of the database and of Redis; None where an embedded server stands in."""
    return _secret(settings.database_url), _secret(settings.redis_url)


def direct(settings: Settings, database_url: str) -> str:
    """Where sessions are kept: past the pooler, if there is one."""
    return _secret(settings.database_direct_url) or database_url


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()
