"""How often something may be done: the generic cell rate algorithm (GCRA), shared through Redis, or in memory.

A limit is a bucket of `burst` that fills up again, one each `every_s`. Of each key only one number is kept: when its
bucket will be full. Several limits are asked in one round trip, and either all are taken from or none. Without Redis
each process goes on counting for itself.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from infrastructure.cache import RedisCache

KEYS_KEPT = 100_000

_TAKE = """
local time = redis.call('TIME')
local now, wait, full = time[1] * 1000 + time[2] / 1000, 0, {}
for i, key in ipairs(KEYS) do
    local every, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    full[i] = math.max(tonumber(redis.call('GET', key) or 0), now) + every
    wait = math.max(wait, full[i] - now - every * burst)
end
local answer = {math.ceil(wait)}
for i, key in ipairs(KEYS) do
    local every = tonumber(ARGV[2 * i - 1])
    if wait > 0 then
        full[i] = full[i] - every
    else
        redis.call('SET', key, string.format('%.3f', full[i]), 'PX', math.ceil(full[i] - now))
    end
    answer[i + 1] = math.max(0, math.ceil(full[i] - now))
end
return answer
"""
_GIVE_BACK = """
for i, key in ipairs(KEYS) do
    local full = redis.call('GET', key)
    if full then redis.call('SET', key, string.format('%.3f', full - ARGV[i]), 'KEEPTTL') end
end
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `burst` at once, and from then on one each `every_s` seconds."""

    name: str
    burst: int
    every_s: float

    @property
    def window_s(self) -> int:
        """How long an empty bucket takes to be full."""
        return math.ceil(self.burst * self.every_s)


def per_minute(name: str, times: int) -> Limit:
    return Limit(name, times, 60 / times)


class Taken(NamedTuple):
    """`wait_s` is 0 if it may be done, or how long to wait. `full_in_s` is when the bucket of each limit is full."""

    wait_s: float
    full_in_s: Sequence[float]

    def left(self, limit: Limit, place: int = 0) -> int:
        return max(0, math.floor(limit.burst - self.full_in_s[place] / limit.every_s + 0.001))


Use = tuple[Limit, str]
"""A limit, and whom it counts for."""


class LocalLimits:
    """In the memory of one process. Forgets the keys that were not used for longest."""

    def __init__(self) -> None:
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, *uses: Use) -> Taken:
        now = time.monotonic()
        if len(uses) == 1:
            return self._take_one(*uses[0], now)
        full_at = [max(self._full_at.get(_key(use), 0.0), now) + use[0].every_s for use in uses]
        limits = [limit for limit, _ in uses]
        waits = [at - now - limit.every_s * limit.burst for limit, at in zip(limits, full_at, strict=True)]
        if (wait_s := max(waits)) > 1e-9:
            return Taken(wait_s, [at - limit.every_s - now for limit, at in zip(limits, full_at, strict=True)])
        for use, at in zip(uses, full_at, strict=True):
            self._full_at[_key(use)] = at
            self._full_at.move_to_end(_key(use))
        while len(self._full_at) > KEYS_KEPT:
            self._full_at.popitem(last=False)
        return Taken(0.0, [at - now for at in full_at])

    def _take_one(self, limit: Limit, whom: str, now: float) -> Taken:
        """The same for one, as every request asks it, in a fifth of the time."""
        key = _key((limit, whom))
        full_in_s = max(self._full_at.get(key, 0.0) - now, 0.0)
        wait_s = full_in_s + limit.every_s * (1 - limit.burst)
        if wait_s > 1e-9:
            return Taken(wait_s, (full_in_s,))
        full_in_s += limit.every_s
        self._full_at[key] = now + full_in_s
        self._full_at.move_to_end(key)
        if len(self._full_at) > KEYS_KEPT:
            self._full_at.popitem(last=False)
        return Taken(0.0, (full_in_s,))

    def seen(self, limit: Limit, whom: str) -> Taken:
        """What is left, with nothing taken."""
        return Taken(0.0, (max(self._full_at.get(_key((limit, whom)), 0.0) - time.monotonic(), 0.0),))

    def give_back(self, *uses: Use) -> None:
        for use in uses:
            if _key(use) in self._full_at:
                self._full_at[_key(use)] -= use[0].every_s


class Limits:
    """Shared among processes. What was done while Redis was away it does not know; what was done before, it does."""

    def __init__(self, cache: RedisCache, local: LocalLimits | None = None) -> None:
        self._cache, self.local = cache, local or LocalLimits()

    async def take(self, *uses: Use) -> Taken:
        rates = [number for limit, _ in uses for number in (limit.every_s * 1_000, limit.burst)]
        answer = await self._cache.asked(_TAKE, [_key(use) for use in uses], *rates)
        if answer is None:
            return self.local.take(*uses)
        wait_ms, *full_in_ms = answer
        return Taken(int(wait_ms) / 1_000, [int(each) / 1_000 for each in full_in_ms])

    async def give_back(self, *uses: Use) -> None:
        """It has turned out that this did not count."""
        self.local.give_back(*uses)
        await self._cache.asked(_GIVE_BACK, [_key(use) for use in uses], *[limit.every_s * 1_000 for limit, _ in uses])


def _key(use: Use) -> str:
    return f"limit:{use[0].name}:{use[1]}"
