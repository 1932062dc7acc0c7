"""Redis hears of several pages at once: what readers may see until it does, and that it does in the end."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable

import pytest

from infrastructure import cache as caching
from infrastructure import projector
from infrastructure.answers import Answers, Subject
from infrastructure.cache import RedisCache, open_cache
from infrastructure.near_cache import NearCache
from tests.integration.tally import Engine, open_engine, tally
from tests.waiting import PATIENCE_S, eventually

OLD, NEW = (1, b"old"), (12, b"new")
MUG = Subject("product", "mug", ("product",), "product", "mug")


@pytest.fixture
def prefix(key_prefix: str) -> str:
    return f"{key_prefix}{secrets.token_hex(4)}:"


@pytest.fixture
async def workers(redis_url: str, prefix: str) -> AsyncIterator[RedisCache]:
    async with open_cache(redis_url, prefix) as opened:
        yield opened


@pytest.fixture
async def readers(redis_url: str, prefix: str) -> AsyncIterator[RedisCache]:
    """Another process, with the old row in Redis."""
    async with open_cache(redis_url, prefix) as opened:
        await opened.put("product", "mug", *OLD)
        yield opened


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[Engine]:
    async with open_engine(database_url, ("tally_t",)) as engine:
        yield engine


def listening(position: int = 0) -> NearCache:
    """A process that has begun to listen when projections were there."""
    near = NearCache(0)
    near.began({"product": position})
    return near


async def answered(redis: RedisCache, near: NearCache, at_least: int = 0) -> tuple[int, bytes | None]:
    async def new() -> tuple[int, bytes | None]:
        return NEW

    answers = Answers(redis, near)
    answer = await answers.get(MUG, new, at_least=at_least)
    await answers.close()
    return answer.position, answer.body


async def test_who_has_heard_of_a_change_takes_no_entry_that_it_has_overtaken(
    workers: RedisCache, readers: RedisCache
) -> None:
    """Whether it is told later, or never, since the worker has died."""
    await workers.changed("product", [("mug",)], 10)
    near = listening()
    assert await answered(readers, near) == OLD
    near.changed("product", 10, ["mug"])
    near.reached("product", 10)
    assert await answered(readers, near) == NEW
    await readers.put("product", "mug", *OLD)  # by a reader who was slow
    assert await answered(readers, near, at_least=10) == NEW


async def test_who_begins_to_listen_after_the_worker_has_died_takes_nothing_that_is_older(
    workers: RedisCache, readers: RedisCache
) -> None:
    await workers.changed("product", [("mug",)], 10)
    assert await answered(readers, listening(position=10)) == NEW


async def test_who_hears_nothing_is_never_told_that_an_old_entry_is_newer_than_it_is(
    workers: RedisCache, readers: RedisCache
) -> None:
    await workers.changed("product", [("mug",)], 10)
    assert await answered(readers, NearCache(0)) == OLD
    assert await answered(readers, NearCache(0), at_least=10) == NEW


async def test_the_process_that_has_yet_to_tell_takes_no_old_entry_itself(
    workers: RedisCache, readers: RedisCache
) -> None:
    await workers.changed("product", [("mug",)], 10)
    assert await workers.get("product", "mug") is None
    assert await readers.get("product", "mug") is None, "it has told before it looked"


async def test_what_changes_again_while_it_is_told_is_told_again(
    workers: RedisCache, readers: RedisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = workers._mark

    async def marked_slowly(*, fails: bool, **arguments: object) -> object:
        await workers.changed("product", [("mug",)], 12)
        if fails:
            raise OSError
        return await mark(**arguments)  # type: ignore[arg-type]

    for fails in (True, False):
        await workers.changed("product", [("mug",)], 10)
        monkeypatch.setattr(workers, "_mark", lambda fails=fails, **arguments: marked_slowly(fails=fails, **arguments))
        await workers.tell()
        assert workers.has_untold
        monkeypatch.setattr(workers, "_mark", mark)
        monkeypatch.setattr(workers, "_quiet_until", 0.0)
        await workers.tell()
        await readers.put("product", "mug", 11, b"read before the second change")
        assert await readers.get("product", "mug") is None


async def test_very_many_changes_are_told_at_once(workers: RedisCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "TOLD_AT_ONCE", 3)
    await workers.changed("product", [("a",), ("b",)], 10)
    assert workers.has_untold
    await workers.changed("product", [("c",)], 11)
    assert not workers.has_untold


async def _projected(engine: Engine, cache: RedisCache, pages: int, after: Callable[[], None]) -> None:
    worker = asyncio.create_task(engine.projector(tally("tally_t", cached_as="product"), cache=cache).run())
    for units in range(1, pages + 1):
        head = await engine.receive(("mug", units))
        assert await engine.positions.reach("tally_t", head, PATIENCE_S)
    after()
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


async def test_pages_are_told_together_and_the_last_ones_before_the_worker_stops(
    engine: Engine, workers: RedisCache, readers: RedisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projector, "TELL_EVERY_S", 10 * PATIENCE_S)
    tellings, tell = 0, workers.tell

    async def counted() -> None:
        nonlocal tellings
        tellings += 1
        await tell()

    monkeypatch.setattr(workers, "tell", counted)

    def is_late() -> None:
        assert (tellings, workers.has_untold) == (1, True)

    await _projected(engine, workers, 5, is_late)
    assert (tellings, workers.has_untold) == (2, False)
    assert await readers.get("product", "mug") is None


async def test_what_a_redis_that_was_away_has_not_heard_it_hears_by_itself(
    engine: Engine, workers: RedisCache, readers: RedisCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "PAUSE_AFTER_FAILURE_S", 0.2)
    worker = asyncio.create_task(engine.projector(tally("tally_t", cached_as="product"), cache=workers).run())
    workers._failed(ConnectionError("gone"))
    head = await engine.receive(("mug", 1))
    assert await engine.positions.reach("tally_t", head, PATIENCE_S)

    async def told() -> bool:
        return not workers.has_untold

    await eventually(told)
    assert await readers.get("product", "mug") is None
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
