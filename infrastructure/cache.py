"""Rows in Redis for readers in a hurry. An entry says which position it stands for; none outlives its time to live.

A projector marks what it has changed with the position of the change, and an entry is only ever replaced by one that
stands for the same position or a later one. So a reader that fetched a row before the change and is slow to put it
into the cache cannot bring the old row back. Without Redis everything is right, only slower.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import AuthenticationError, RedisError

from infrastructure.metrics import Metrics
from projections.projection import Key

TTL_S = 60
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

log = structlog.get_logger(__name__)


class CacheRefused(Exception):
    """Redis is there, and its certificate or our password is wrong; the message says which."""


class RedisCache:
    """Never raises and never keeps anyone waiting long: after a failure Redis is left alone for a second."""

    def __init__(self, client: Redis, prefix: str, metrics: Metrics | None = None) -> None:
        self._client, self._prefix = client, prefix
        self._set_if_newer = client.register_script(_SET_IF_NEWER)
        self._quiet_until = 0.0
        self._missed: dict[str, int] = {}
        """Entries that changed while Redis could not be told, and since which position."""
        self._metrics = metrics or Metrics()

    async def get(self, kind: str, identity: str, *, at_least: int = 0) -> tuple[int, bytes] | None:
        """The entry and the position it stands for, unless there is none or that is before `at_least`."""
        if self._resting() or (self._missed and self._name(kind, identity) in self._missed):
            self._metrics.cache_read(kind, "away")
            return None
        try:
            held = await self._client.get(self._name(kind, identity))
        except (RedisError, OSError, TimeoutError) as error:
            self._metrics.cache_read(kind, "away")
            self._failed(error)
            return None
        position, _, body = (held if isinstance(held, bytes) else b"").partition(b" ")
        found = (int(position), body) if body and int(position) >= at_least else None
        self._metrics.cache_read(kind, "miss" if found is None else "hit")
        return found

    async def put(self, kind: str, identity: str, position: int, body: bytes) -> None:
        """Keep what was read when the projection was at `position` or later."""
        if not self._resting():
            try:
                await self._set_if_newer(keys=[self._name(kind, identity)], args=[position, body, TTL_S])
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
