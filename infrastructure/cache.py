"""Rows in Redis for readers in a hurry. An entry says which position it stands for; none outlives its time to live.

A projector marks what it has changed with the position of the change, and an entry is only ever replaced by one that
stands for the same position or a later one. So a reader that fetched a row before the change and is slow to put it
into the cache cannot bring the old row back. Without Redis everything is right, only slower.
"""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import AuthenticationError, RedisError

from infrastructure.metrics import Metrics
from projections.projection import Key

TTL_S = 55
"""Beside it a process may keep an answer for itself for five seconds: none is older than a minute."""
TIMEOUT_S = 0.25
PAUSE_AFTER_FAILURE_S = 1.0
CONNECTIONS = 64
MAX_MISSED = 10_000

_SET_IF_NEWER = """
local held = redis.call('GET', KEYS[1])
if held and tonumber(string.match(held, '^%d+')) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'EX', ARGV[3])
return 1
"""
_DELETE_IF_MINE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

log = structlog.get_logger(__name__)


class CacheRefused(Exception):
    """Redis is there, and its certificate or our password is wrong; the message says which."""


class RedisCache:
    """Never raises and never keeps anyone waiting long: after a failure Redis is left alone for a second."""

    def __init__(self, client: Redis, prefix: str, metrics: Metrics | None = None) -> None:
        self._client, self._prefix = client, prefix
        self._set_if_newer = client.register_script(_SET_IF_NEWER)
        self._delete_if_mine = client.register_script(_DELETE_IF_MINE)
        self._quiet_until = 0.0
        self._missed: dict[str, int] = {}
        """Entries that changed while Redis could not be told, and since which position."""
        self._metrics = metrics or Metrics()

    async def get(
        self, kind: str, identity: str, *, at_least: int = 0, changed: tuple[str, str] | None = None
    ) -> tuple[int, bytes] | None:
        """The entry and the position it stands for, unless there is none or that is before `at_least`.

        `changed` names the entry, other than this one, that is marked when what this one rests on changes."""
        if changed is not None and changed != (kind, identity):
            names = [self._name(kind, identity), self._name(*changed)]
        else:
            names = [self._name(kind, identity)]
        if self._resting() or not self._missed.keys().isdisjoint(names):
            self._metrics.cache_read(kind, "away")
            return None
        try:
            found = await self._client.mget(names)
        except (RedisError, OSError, TimeoutError) as error:
            self._metrics.cache_read(kind, "away")
            self._failed(error)
            return None
        held, *marks = [entry if isinstance(entry, bytes) else b"" for entry in found]
        position, _, body = held.partition(b" ")
        since = max([at_least, *(int(mark.partition(b" ")[0]) for mark in marks if mark)])
        good = (int(position), body) if body and int(position) >= since else None
        self._metrics.cache_read(kind, "miss" if good is None else "hit")
        return good

    async def put(self, kind: str, identity: str, position: int, body: bytes) -> None:
        """Keep what was read when the projection was at `position` or later."""
        if not self._resting():
            try:
                await self._set_if_newer(keys=[self._name(kind, identity)], args=[position, body, TTL_S])
            except (RedisError, OSError, TimeoutError) as error:
                self._failed(error)

    async def take_turn(self, kind: str, identity: str, for_s: float) -> str | None:
        """The right to fetch a cold entry for all processes: a token, or None while another one has it.

        Where Redis cannot say, everyone has it: the token is empty."""
        if self._resting():
            return ""
        token = secrets.token_hex(8)
        try:
            taken = await self._client.set(self._name("turn:" + kind, identity), token, nx=True, px=int(for_s * 1_000))
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            return ""
        return token if taken else None

    async def give_turn(self, kind: str, identity: str, token: str) -> None:
        """Only our own: it may have run out, and be another's by now."""
        if not self._resting():
            try:
                await self._delete_if_mine(keys=[self._name("turn:" + kind, identity)], args=[token])
            except (RedisError, OSError, TimeoutError) as error:
                self._failed(error)

    async def changed(self, kind: str, keys: Sequence[Key], position: int) -> None:
        """Drop these entries, and keep out whatever was read before `position`. What fails is made up for later."""
        names = {self._name(kind, ":".join(map(str, key))): position for key in keys} | self._missed
        if self._resting():
            self._missed = dict(islice(names.items(), MAX_MISSED))
            return
        try:
            async with self._client.pipeline(transaction=False) as pipeline:
                for name, since in names.items():
                    await self._set_if_newer(keys=[name], args=[since, b"", TTL_S], client=pipeline)
                await pipeline.execute()
            self._missed = {}
        except (RedisError, OSError, TimeoutError) as error:
            self._missed = dict(islice(names.items(), MAX_MISSED))
            self._failed(error)

    async def alive(self) -> bool:
        try:
            return bool(await self._client.ping())
        except (RedisError, OSError, TimeoutError):
            return False

    def _name(self, kind: str, identity: str) -> str:
        return f"{self._prefix}{kind}:{identity}"

    def _resting(self) -> bool:
        return asyncio.get_running_loop().time() < self._quiet_until

    def _failed(self, error: Exception) -> None:
        log.warning("redis_unreachable", error=str(error))
        self._quiet_until = asyncio.get_running_loop().time() + PAUSE_AFTER_FAILURE_S


@asynccontextmanager
async def open_cache(url: str, prefix: str, metrics: Metrics | None = None) -> AsyncIterator[RedisCache]:
    """Raises CacheRefused for what waiting does not mend; a Redis that is away is done without."""
    # Blocking: more requests than connections is a busy moment, not a Redis that is away.
    pool = BlockingConnectionPool.from_url(
        url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, max_connections=CONNECTIONS, timeout=TIMEOUT_S
    )
    client = Redis.from_pool(pool)
    try:
        await _try(client)
        yield RedisCache(client, prefix, metrics)
    finally:
        await client.aclose()


async def _try(client: Redis) -> None:
    try:
        await client.ping()
    except AuthenticationError as error:
        raise CacheRefused(f"Redis does not let us in: {error}") from None
    except (RedisError, OSError, TimeoutError) as error:
        cause = error.__cause__ or error.__context__
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise CacheRefused(
                f"the certificate of Redis is not trusted: {cause.verify_message} "
                "(ssl_ca_certs in REDIS_URL names the authority)"
            ) from None
        log.warning("redis_unreachable", error=str(error))
