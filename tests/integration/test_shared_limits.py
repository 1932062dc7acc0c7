"""Limits in Redis: the same as in memory, shared, in one round trip, and going on without it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from infrastructure.cache import open_cache
from infrastructure.limits import Limit, Limits

THREE = Limit("three", 3, 100)
QUICK = Limit("quick", 1, 0.5)


@pytest.fixture
async def limits(redis_url: str, key_prefix: str, request: pytest.FixtureRequest) -> AsyncIterator[Limits]:
    async with open_cache(redis_url, f"{key_prefix}{request.node.name}:") as cache:
        yield Limits(cache)


async def test_so_many_at_once_and_then_one_each_so_many_seconds(limits: Limits) -> None:
    taken = [await limits.take((THREE, "ann")) for _ in range(4)]
    assert [each.left(THREE) for each in taken] == [2, 1, 0, 0]
    assert [each.wait_s for each in taken[:3]] == [0, 0, 0]
    assert 50 < taken[3].wait_s <= 100
    assert (await limits.take((THREE, "bob"))).wait_s == 0
    assert limits.local.take((THREE, "ann")).left(THREE) == 2


async def test_a_bucket_fills_up_again(limits: Limits) -> None:
    while not (wait_s := (await limits.take((QUICK, "ann"))).wait_s):
        pass  # it was full again before it could be asked twice
    assert wait_s <= 0.5
    await asyncio.sleep(wait_s + 0.05)
    assert (await limits.take((QUICK, "ann"))).wait_s == 0


async def test_of_several_limits_all_are_taken_from_or_none(limits: Limits) -> None:
    one = Limit("one", 1, 600)
    assert (await limits.take((one, "x"), (THREE, "y"))).wait_s == 0
    assert (await limits.take((one, "x"), (THREE, "y"))).wait_s > 500
    assert (await limits.take((THREE, "y"))).left(THREE) == 1


async def test_what_is_given_back_does_not_count(limits: Limits) -> None:
    for _ in range(10):
        assert (await limits.take((THREE, "ann"))).wait_s == 0
        await limits.give_back((THREE, "ann"))


async def test_of_many_at_once_no_more_get_through(limits: Limits) -> None:
    taken = await asyncio.gather(*(limits.take((THREE, "ann")) for _ in range(100)))
    assert sum(each.wait_s == 0 for each in taken) == 3


async def test_several_limits_are_one_round_trip(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    await limits.take((THREE, "first"))  # loads the script
    asked = []
    client: Any = limits._cache._client
    execute = client.execute_command

    async def counted(*args: Any, **options: Any) -> Any:
        asked.append(args[0])
        return await execute(*args, **options)

    monkeypatch.setattr(client, "execute_command", counted)
    await limits.take((THREE, "a"), (THREE, "b"), (QUICK, "c"))
    assert asked == ["EVALSHA"]


async def test_without_redis_each_process_goes_on_counting(key_prefix: str) -> None:
    async with open_cache("redis://127.0.0.1:1/0", key_prefix) as cache:
        limits = Limits(cache)
        taken = [await limits.take((THREE, "ann")) for _ in range(4)]
        assert [each.wait_s > 0 for each in taken] == [False, False, False, True]
        await limits.give_back((THREE, "ann"))
        assert (await limits.take((THREE, "ann"))).wait_s == 0
