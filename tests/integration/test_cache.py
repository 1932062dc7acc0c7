"""Entries in Redis: none can be replaced by an older one, none outlives its time, and nobody waits for a dead Redis."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from infrastructure import cache as caching
from infrastructure.cache import RedisCache, open_cache


@pytest.fixture
async def cache(redis_url: str, key_prefix: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RedisCache]:
    monkeypatch.setattr(caching, "TIMEOUT_S", 5.0)  # on a busy machine nothing is answered in a moment
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


async def test_nothing_stays_for_ever(cache: RedisCache, redis_url: str, key_prefix: str) -> None:
    await cache.put("product", "e", 1, b"one")
    await cache.changed("product", [("f",), ("g", 2)], 1)
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        lives = [await client.ttl(f"{key_prefix}product:{identity}") for identity in ("e", "f", "g:2")]
    assert all(0 < seconds <= caching.TTL_S for seconds in lives)


async def test_without_redis_nobody_waits_and_nothing_is_raised(key_prefix: str) -> None:
    async with open_cache(f"redis://127.0.0.1:{free_port()}/0", key_prefix) as cache:
        started = time.monotonic()
        for _ in range(50):
            assert await cache.get("product", "a") is None
            await cache.put("product", "a", 1, b"one")
            await cache.changed("product", [("a",)], 2)
        assert time.monotonic() - started < 1
        assert not await cache.alive()


async def test_a_redis_that_hangs_is_left_alone_for_a_while(key_prefix: str) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with open_cache(f"redis://127.0.0.1:{port}/0", key_prefix) as cache:
        started = time.monotonic()
        for _ in range(20):
            assert await cache.get("product", "a") is None
        assert time.monotonic() - started < 2 * (caching.TIMEOUT_S + 0.5)
    server.close()
    await server.wait_closed()


async def test_redis_is_used_again_once_it_is_back(cache: RedisCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "PAUSE_AFTER_FAILURE_S", 0.2)
    await cache.put("product", "h", 1, b"one")
    cache._failed(ConnectionError("gone"))
    assert await cache.get("product", "h") is None
    await asyncio.sleep(0.25)
    assert await cache.get("product", "h") == (1, b"one")
