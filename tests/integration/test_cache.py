"""Entries in Redis: none can be replaced by an older one, none outlives its time, and nobody waits for a dead Redis."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis.asyncio

from infrastructure import cache as caching
from infrastructure.cache import RedisCache, open_cache
from infrastructure.embedded.sharing import shared
from tests.relay import Relay, relay
from tests.waiting import takes_less_than


@pytest.fixture
async def cache(redis_url: str, key_prefix: str) -> AsyncIterator[RedisCache]:
    async with open_cache(redis_url, key_prefix) as opened:
        yield opened


def free_port() -> int:
    """Where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def test_what_was_put_is_got_with_its_position(cache: RedisCache) -> None:
    assert await cache.get("product", "a") is None
    await cache.put("product", "a", 7, b"seven\n\x00 and more")
    assert await cache.get("product", "a") == (7, b"seven\n\x00 and more")
    assert await cache.get("order", "a") is None


async def test_an_entry_that_is_too_old_for_the_caller_is_none(cache: RedisCache) -> None:
    await cache.put("product", "b", 7, b"seven")
    assert await cache.get("product", "b", at_least=7) == (7, b"seven")
    assert await cache.get("product", "b", at_least=8) is None


async def test_a_slow_reader_cannot_bring_an_old_row_back(cache: RedisCache) -> None:
    await cache.put("product", "c", 5, b"first")
    await cache.changed("product", [("c",)], 10)
    assert await cache.get("product", "c") is None
    await cache.put("product", "c", 9, b"read before the change")
    assert await cache.get("product", "c") is None
    await cache.put("product", "c", 10, b"read after it")
    await cache.put("product", "c", 9, b"read before the change")
    await cache.changed("product", [("c",)], 8)
    assert await cache.get("product", "c") == (10, b"read after it")


async def test_positions_are_compared_as_numbers(cache: RedisCache) -> None:
    await cache.put("product", "d", 9, b"nine")
    await cache.put("product", "d", 10, b"ten")
    assert await cache.get("product", "d") == (10, b"ten")


async def test_whoever_knows_of_a_new_generation_takes_nothing_of_the_old_one(cache: RedisCache) -> None:
    await cache.put("product", "i", 7, b"of the old table")
    assert await cache.get("product", "i", generation=1) is None
    await cache.put("product", "i", 7, b"of the new table", generation=1)
    await cache.put("product", "i", 8, b"of the old table, by one who has not heard")
    assert [await cache.get("product", "i", generation=known) for known in (0, 1)] == [(7, b"of the new table")] * 2
    await cache.changed("product", [("i",)], 7)  # by one who has not heard either
    assert await cache.get("product", "i", generation=1) is None
    await cache.put("product", "i", 7, b"read again", generation=1)
    assert await cache.get("product", "i", generation=1) == (7, b"read again")


async def test_nothing_stays_for_ever(cache: RedisCache, redis_url: str, key_prefix: str) -> None:
    await cache.put("product", "e", 1, b"one")
    await cache.changed("product", [("f",), ("g", 2)], 1)
    await cache.tell()
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        lives = [await client.ttl(f"{key_prefix}product:{identity}") for identity in ("e", "f", "g:2")]
    assert all(0 < seconds <= caching.TTL_S for seconds in lives)


async def test_without_redis_nobody_waits_and_nothing_is_raised(key_prefix: str) -> None:
    async with open_cache(f"redis://127.0.0.1:{free_port()}/0", key_prefix) as cache:

        async def use() -> None:
            for _ in range(50):
                assert await cache.get("product", "a") is None
                await cache.put("product", "a", 1, b"one")
                await cache.changed("product", [("a",)], 2)

        assert await takes_less_than(1, use)
        assert not await cache.alive()


async def test_a_redis_that_hangs_is_left_alone_for_a_while(
    key_prefix: str, redis_timeout_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "TIMEOUT_S", redis_timeout_s)

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with open_cache(f"redis://127.0.0.1:{port}/0", key_prefix) as cache:
        started = time.monotonic()
        for _ in range(20):
            assert await cache.get("product", "a") is None
        assert time.monotonic() - started < 15 * caching.TIMEOUT_S  # of twenty
    server.close()
    await server.wait_closed()


async def test_redis_is_used_again_once_it_is_back(cache: RedisCache, monkeypatch: pytest.MonkeyPatch) -> None:
    await cache.put("product", "h", 1, b"one")
    cache._failed(ConnectionError("gone"))
    assert await cache.get("product", "h") is None
    monkeypatch.setattr(cache, "_quiet_until", cache._quiet_until - caching.PAUSE_AFTER_FAILURE_S)
    assert await cache.get("product", "h") == (1, b"one")


@pytest.fixture
async def own_redis(tmp_path: Path) -> AsyncIterator[redis.asyncio.Redis]:
    """A Redis that nobody else uses, so it may be filled up."""
    with shared("valkey", tmp_path, throwaway=True) as url:
        async with redis.asyncio.Redis.from_url(url) as client:
            yield client


async def test_a_full_redis_answers_from_what_it_has_lets_go_and_takes_in_again(
    own_redis: redis.asyncio.Redis,
) -> None:
    path = own_redis.connection_pool.connection_kwargs["path"]
    async with open_cache(f"unix://{path}", "full:") as cache:
        for identity in ("kept", "changing"):
            await cache.put("product", identity, 1, b"one")
        await own_redis.config_set("maxmemory-policy", "noeviction")
        await own_redis.config_set("maxmemory", 1)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            await own_redis.set("anything", "at all")

        await cache.put("product", "new", 1, b"one")
        assert await cache.get("product", "new") is None
        await cache.changed("product", [("changing",)], 2)
        await cache.tell()
        assert await own_redis.get("full:product:changing") is None
        seen = await cache.look("product", "new", ("product", "new"), turn_s=1)
        assert seen == (None, "")  # nobody's turn is noted, so nobody waits for it
        assert await cache.get("product", "kept") == (1, b"one")

        await own_redis.config_set("maxmemory", 0)
        await cache.put("product", "new", 2, b"two")
        assert await cache.get("product", "new") == (2, b"two")


async def test_a_slow_redis_is_waited_for_a_moment_and_used_again_once_it_is_quick(
    redis_url: str, key_prefix: str, redis_timeout_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "TIMEOUT_S", redis_timeout_s)
    monkeypatch.setattr(caching, "PAUSE_AFTER_FAILURE_S", 0.3)
    async with relay(redis_url) as between, open_cache(_through(between, redis_url), key_prefix) as cache:
        await cache.put("product", "slow", 1, b"one")
        between.delay_s = caching.TIMEOUT_S * 4
        started = time.monotonic()
        for _ in range(20):
            assert await cache.get("product", "slow") is None
        assert time.monotonic() - started < 15 * caching.TIMEOUT_S
        await cache.changed("product", [("slow",)], 2)
        await cache.tell()
        assert (await cache.get("product", "slow"), cache.has_untold) == (None, True)
        between.delay_s = 0.0
        async with asyncio.timeout(60):
            while await cache.get("product", "other") is None:
                await cache.put("product", "other", 1, b"other")
        assert (await cache.get("product", "slow"), cache.has_untold) == (None, False)
        await cache.put("product", "slow", 1, b"one")
        assert await cache.get("product", "slow") is None
        await cache.put("product", "slow", 2, b"two")
        assert await cache.get("product", "slow") == (2, b"two")


def _through(between: Relay, redis_url: str) -> str:
    return urlunsplit(urlsplit(redis_url)._replace(scheme="redis", netloc=f"127.0.0.1:{between.port}", path="/0"))
