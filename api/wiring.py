"""Makes the parts of a shop and joins them. The web app, the workers, the CLI and the tests all open the same shop."""

import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from api import sse, work
from api.outlets import gateway_of, plain, post_of
from commands.gateway import Gateway
from commands.handler import Handler
from infrastructure import revisions, search_language
from infrastructure.access_tokens import AccessTokens
from infrastructure.accesses import Accesses
from infrastructure.accounts import Accounts
from infrastructure.answers import Answers
from infrastructure.background import Background
from infrastructure.cache import RedisCache, open_cache
from infrastructure.committer import Committer
from infrastructure.database import Pool, connect, open_pool
from infrastructure.embedded import open_servers
from infrastructure.event_store import PostgresEventStore
from infrastructure.keyring import Keyring
from infrastructure.limits import Limits
from infrastructure.mail.mailed_tokens import MailedTokens
from infrastructure.mail.post import domain_of
from infrastructure.metrics import Metrics
from infrastructure.near_cache import NearCache
from infrastructure.paper_pdf import Press
from infrastructure.positions import HEAD, Positions
from infrastructure.projector import Projector
from infrastructure.sessions import Sessions
from infrastructure.settings import Settings
from infrastructure.snapshots import Snapshots
from infrastructure.stream_reader import StreamReader
from infrastructure.tail import Tail
from infrastructure.tracing import TracedEventStore, Tracing, open_tracing
from infrastructure.vault import Vault
from infrastructure.waiting import await_database
from infrastructure.watch import Watch
from projections import PROJECTIONS
from queries import order_summary, product


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
    accesses: Accesses
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
    products: StreamReader
    """Of the read table: those who ask at the same time are answered by one statement."""


@asynccontextmanager
async def open_shop(
    settings: Settings,
    *,
    workers: bool = False,
    gateway: Gateway | None = None,
    tracing: Tracing | None = None,
    patience_s: float = 0,
) -> AsyncIterator[Shop]:
    """Connect to everything, check the schema, and with `workers` run the projections and policies in this process.

    A database that is not up yet is waited for, `patience_s` seconds. Leaving stops the workers, then drains the
    committer. Raises infrastructure.settings.SettingsRefused,
    infrastructure.revisions.WrongRevision, infrastructure.search_language.LanguageRefused,
    infrastructure.embedded.Unavailable, or OSError when the database cannot be reached.
    """
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(open_servers(*urls_of(settings), settings.data_dir))
        direct_url = direct(settings, servers.database_url)
        await await_database(direct_url, patience_s)
        if settings.development:
            from infrastructure import migrations  # with SQLAlchemy and Alembic, which nobody else needs

            await migrations.upgrade(direct_url)
            await search_language.speak(direct_url, settings.search_language)
        await revisions.check(direct_url)
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
        accesses = Accesses(pool, settings.access_trail_days)
        stack.push_async_callback(accesses.close)
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
        gateway = gateway or await stack.enter_async_context(gateway_of(settings))
        post = post_of(settings)
        mailed_tokens = MailedTokens(
            pool,
            post,
            shop=settings.shop_name,
            domain=domain_of(settings.mail_from),
            link=settings.account_url,
        )
        background = Background()
        stack.push_async_callback(background.close)
        keyring = Keyring(settings.sealing_seed(), settings.retired_public_keys())
        tail = Tail(pool, store, positions, sse.frame, listeners_max=settings.feed_listeners, metrics=metrics)
        stack.callback(tail.close)
        press = Press()
        stack.callback(press.close)
        shop = Shop(
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
            accesses,
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
            StreamReader(pool, product.SEVERAL),
        )
        working = work.of_workers(shop, post, watch) if workers else []
        await stack.enter_async_context(work.under_way([*work.of_everyone(shop, direct_url), *working]))
        yield shop


def urls_of(settings: Settings) -> tuple[str | None, str | None]:
    """Of the database and of Redis; None where an embedded server stands in."""
    return plain(settings.database_url), plain(settings.redis_url)


def direct(settings: Settings, database_url: str) -> str:
    """Where sessions are kept: past the pooler, if there is one."""
    return plain(settings.database_direct_url) or database_url
