"""Reads that were asked for at the same time travel together, and still fail, wait and see for themselves."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import asyncpg
import pytest

from infrastructure.stream_reader import MAX_UNDER_WAY, StreamReader


class Book:
    """Answers like a pool: each stream holds one row. A read waits at the gate until it is opened."""

    room_within_s = 60.0

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, sql: str, streams: Sequence[str]) -> list[dict[str, Any]]:
        self.asked.append(sorted(streams))
        await self.gate.wait()
        if "bad" in streams:
            raise ValueError("no such name")
        return [{"stream": stream, "number": len(self.asked)} for stream in streams]


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def reader(book: Book) -> StreamReader:
    return StreamReader(book, "SELECT")  # type: ignore[arg-type]


def streams_in(rows: Sequence[Any]) -> list[str]:
    return [row["stream"] for row in rows]


async def test_what_is_asked_at_once_is_read_at_once(book: Book, reader: StreamReader) -> None:
    first, second, none = await asyncio.gather(reader.rows(["a", "b"]), reader.rows(["b", "c", "b"]), reader.rows([]))
    assert book.asked == [["a", "b", "c"]]
    assert (streams_in(first), streams_in(second), none) == (["a", "b"], ["b", "c"], [])


async def test_a_read_begins_after_it_was_asked_for(book: Book, reader: StreamReader) -> None:
    book.gate.clear()
    reads = []
    for number in range(MAX_UNDER_WAY + 3):
        reads.append(asyncio.create_task(reader.rows([f"s{number}"])))
        await asyncio.sleep(0.001)
    assert len(book.asked) == MAX_UNDER_WAY
    book.gate.set()
    await asyncio.gather(*reads)
    assert book.asked[MAX_UNDER_WAY:] == [["s4", "s5", "s6"]]


async def test_one_bad_name_fails_alone(reader: StreamReader) -> None:
    good, bad = asyncio.create_task(reader.rows(["good"])), asyncio.create_task(reader.rows(["bad"]))
    assert streams_in(await good) == ["good"]
    with pytest.raises(ValueError, match="no such name"):
        await bad


async def test_a_caller_who_leaves_does_not_disturb_the_others(book: Book, reader: StreamReader) -> None:
    book.gate.clear()
    leaving, staying = asyncio.create_task(reader.rows(["a"])), asyncio.create_task(reader.rows(["b"]))
    await asyncio.sleep(0.001)
    leaving.cancel()
    book.gate.set()
    assert streams_in(await staying) == ["b"]
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_who_has_waited_too_long_for_a_read_to_begin_is_told(book: Book, reader: StreamReader) -> None:
    book.room_within_s = 1.0
    book.gate.clear()
    unanswered = []
    for _ in range(MAX_UNDER_WAY):
        unanswered.append(asyncio.create_task(reader.rows(["a"])))
        await asyncio.sleep(0.001)
    early = asyncio.create_task(reader.rows(["b"]))
    await asyncio.sleep(book.room_within_s / 2)
    late = asyncio.create_task(reader.rows(["c"]))
    async with asyncio.timeout(30):
        with pytest.raises(asyncpg.TooManyConnectionsError):
            await early
        assert not late.done()
        with pytest.raises(asyncpg.TooManyConnectionsError):
            await late
    in_time = asyncio.create_task(reader.rows(["d"]))
    await asyncio.sleep(0)
    book.gate.set()
    assert [streams_in(rows) for rows in await asyncio.gather(*unanswered, in_time)] == [["a"]] * MAX_UNDER_WAY + [
        ["d"]
    ]
    assert book.asked[MAX_UNDER_WAY:] == [["d"]]


async def test_who_asks_in_the_moment_in_which_all_reads_end_is_answered_too() -> None:
    reads: list[asyncio.Future[list[dict[str, str]]]] = []

    class Pool:
        room_within_s = 60.0

        async def fetch(self, sql: str, streams: list[str]) -> list[dict[str, str]]:
            reads.append(asyncio.get_running_loop().create_future())
            return await reads[-1]

    reader = StreamReader(cast(Any, Pool()), "")

    async def twice(name: str) -> None:
        await reader.rows([name])
        await reader.rows([name])

    callers = []
    for name in "abcd":
        callers.append(asyncio.create_task(twice(name)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    for read in list(reads):
        read.set_result([])
    async with asyncio.timeout(60):
        while not all(caller.done() for caller in callers):
            await asyncio.sleep(0)
            for read in reads:
                if not read.done():
                    read.set_result([])


async def test_a_database_that_fails_is_not_asked_again_for_each_caller() -> None:
    asked = 0

    class Pool:
        room_within_s = 60.0

        async def fetch(self, sql: str, streams: list[str]) -> list[dict[str, str]]:
            nonlocal asked
            asked += 1
            await asyncio.sleep(0)
            raise OSError("away")

    reader = StreamReader(cast(Any, Pool()), "")
    answers = await asyncio.gather(*(reader.rows([str(n)]) for n in range(50)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {OSError}
    assert asked < 10
