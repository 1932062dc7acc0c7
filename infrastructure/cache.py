"""Rows in Redis for readers in a hurry. An entry says which position it stands for; none outlives its time to live.

A projector marks what it has changed with the position of the change, and an entry is only ever replaced by one that
stands for the same position or a later one. So a reader that fetched a row before the change and is slow to put it
into the cache cannot bring the old row back. Marks are put off for a moment, so that one telling is of several pages;
who hears of changes as they are committed (near_cache) takes no entry meanwhile that has been overtaken. Without Redis
everything is right, only slower.
"""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import AuthenticationError, RedisError

from infrastructure.metrics import Metrics
from projections.projection import Key

TTL_S = 60
"""Of an entry here, and of what a process keeps of it for itself: what has been here for 50 seconds is good for 10."""
TIMEOUT_S = 0.25
PAUSE_AFTER_FAILURE_S = 1.0
CONNECTIONS = 64
MAX_UNTOLD = 10_000
TOLD_AT_ONCE = 2_000
"""Changes that are not put off any more: they are as many as one telling should have."""
SAY_FULL_EVERY_S = 60.0
FULL = 2
"""Instead of a turn: there is no room to note whose turn it is."""

# An entry is `position.generation body`; a mark is one without a body.
_PARTS = """
local function parts(name)
    local position, generation, body = string.match(redis.call('GET', name) or '', '^(%d+)%.?(%d*) (.*)$')
    return tonumber(position) or -1, tonumber(generation) or 0, body or ''
end
"""
_PUT = f"""{_PARTS}
if ARGV[5] ~= '' and redis.call('GET', KEYS[2]) == ARGV[5] then redis.call('DEL', KEYS[2]) end
local position, generation = parts(KEYS[1])
if position > tonumber(ARGV[1]) or generation > tonumber(ARGV[2]) then return 1 end
local done = redis.pcall('SET', KEYS[1], ARGV[1] .. '.' .. ARGV[2] .. ' ' .. ARGV[3], 'EX', ARGV[4])
return done.err and 0 or 1
"""
# What is full lets nothing in, but it lets go: without the old entry nobody is told it.
_MARK = f"""{_PARTS}
local told = 1
for n, name in ipairs(KEYS) do
    local position, generation = parts(name)
    if position <= tonumber(ARGV[n + 1]) then
        local done = redis.pcall('SET', name, ARGV[n + 1] .. '.' .. generation .. ' ', 'EX', ARGV[1])
        if done.err then redis.call('DEL', name) told = 0 end
    end
end
return told
"""
_LOOK = f"""{_PARTS}
local position, generation, body = parts(KEYS[1])
if body ~= '' and position >= parts(KEYS[2]) and generation >= tonumber(ARGV[3]) then
    return {{body, position, redis.call('PTTL', KEYS[1]), 0}}
end
local turn = tonumber(ARGV[2]) > 0 and redis.pcall('SET', KEYS[3], ARGV[1], 'NX', 'PX', ARGV[2])
return {{'', 0, 0, turn and (turn.err and 2 or 1) or 0}}
"""

log = structlog.get_logger(__name__)


class CacheRefused(Exception):
    """Redis is there, and its certificate or our password is wrong; the message says which."""


class Held(NamedTuple):
    """An entry: what it stands for, what it is, and for how many seconds it is still good."""

    position: int
    body: bytes
    good_for_s: float


class Seen(NamedTuple):
    """`turn` is that of whoever finds nothing: a token, empty without Redis; None while it is another's."""

    held: Held | None
    turn: str | None


class RedisCache:
    """Never raises and never keeps anyone waiting long: after a failure Redis is left alone for a second."""

    def __init__(self, client: Redis, prefix: str, metrics: Metrics | None = None) -> None:
        self._client, self._prefix = client, prefix
        self._put, self._mark = client.register_script(_PUT), client.register_script(_MARK)
        self._look = client.register_script(_LOOK)
        self._script = lru_cache(client.register_script)
        self._quiet_until = self._full_until = 0.0
        self._untold: dict[str, int] = {}
        """Entries that have changed, and at which position, since Redis was last told."""
        self._metrics = metrics or Metrics()

    async def get(
        self, kind: str, identity: str, *, at_least: int = 0, generation: int = 0
    ) -> tuple[int, bytes] | None:
        """The entry and the position it stands for, unless there is none or that is before `at_least`."""
        held = (await self.look(kind, identity, (kind, identity), generation=generation)).held
        return None if held is None or held.position < at_least else (held.position, held.body)

    async def look(
        self, kind: str, identity: str, changed: tuple[str, str], turn_s: float = 0.0, *, generation: int = 0
    ) -> "Seen":
        """The entry, if there is one of this generation and nothing has changed since. `changed` names the entry that
        is marked then.

        Who finds none may have `turn_s` seconds to fetch it, unless another one has them already. Where Redis cannot
        say, everyone has."""
        names = [self._name(kind, identity), self._name(*changed), self._name("turn:" + kind, identity)]
        if not self._untold.keys().isdisjoint(names):
            await self.tell()
        if self._resting() or not self._untold.keys().isdisjoint(names):
            self._metrics.cache_read(kind, "away")
            return Seen(None, "")
        token = secrets.token_hex(8)
        try:
            body, position, life_ms, turn = await self._look(keys=names, args=[token, int(turn_s * 1_000), generation])
        except (RedisError, OSError, TimeoutError) as error:
            self._metrics.cache_read(kind, "away")
            self._failed(error)
            return Seen(None, "")
        self._metrics.cache_read(kind, "hit" if body else "miss")
        if body:
            return Seen(Held(int(position), body, int(life_ms) / 1_000), None)
        if turn == FULL:
            self._is_full()
        return Seen(None, {0: None, 1: token, FULL: ""}[turn])

    def not_looked(self, kind: str) -> None:
        """Count who does not look here: to them it is a miss."""
        self._metrics.cache_read(kind, "miss")

    async def put(
        self, kind: str, identity: str, position: int, body: bytes, turn: str = "", *, generation: int = 0
    ) -> None:
        """Keep what was read when the projection was at `position` or later; `turn` is over then. `generation` is what
        was known before it was read."""
        if not self._resting():
            names = [self._name(kind, identity), self._name("turn:" + kind, identity)]
            try:
                if not await self._put(keys=names, args=[position, generation, body, TTL_S, turn]):
                    self._is_full()
            except (RedisError, OSError, TimeoutError) as error:
                self._failed(error)

    async def changed(self, kind: str, keys: Sequence[Key], position: int) -> None:
        """Once Redis is told, these entries are dropped, and whatever was read before `position` is kept out."""
        self._untold |= {self._name(kind, ":".join(map(str, key))): position for key in keys}
        if len(self._untold) >= TOLD_AT_ONCE:
            await self.tell()
            self._untold = dict(islice(self._untold.items(), MAX_UNTOLD))

    @property
    def has_untold(self) -> bool:
        return bool(self._untold)

    async def tell(self) -> None:
        """Tell Redis of all that has changed. What fails is still to be told."""
        if not self._untold or self._resting():
            return
        telling = self._untold.copy()
        try:
            if not await self._mark(keys=list(telling), args=[TTL_S, *telling.values()]):
                self._is_full()
            # Meanwhile some may have changed again.
            self._untold = {name: since for name, since in self._untold.items() if telling.get(name) != since}
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)

    async def asked(self, script: str, names: Sequence[str], *args: float | str) -> Any | None:
        """What a script answers about keys of ours, in one round trip; None where Redis cannot say."""
        if self._resting():
            return None
        try:
            return await self._script(script)(keys=[self._prefix + name for name in names], args=list(args))
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            return None

    async def alive(self) -> bool:
        try:
            return bool(await self._client.ping())
        except (RedisError, OSError, TimeoutError):
            return False

    def _name(self, kind: str, identity: str) -> str:
        return f"{self._prefix}{kind}:{identity}"

    def _resting(self) -> bool:
        return asyncio.get_running_loop().time() < self._quiet_until

    def _is_full(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._full_until:
            log.warning("redis_full")
            self._full_until = now + SAY_FULL_EVERY_S

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
