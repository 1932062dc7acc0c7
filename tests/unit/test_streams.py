"""The streams that a process knows: as many as there is room for, and from where those are read that others want."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from commands import streams as knowing
from commands.decider import Ref
from commands.states import NOTHING, Known, Replayed
from commands.streams import Entry, Streams
from commands.user import User, users
from events.values import UserId
from infrastructure.memory_store import MemoryEventStore

REFS = [users(UserId(name)) for name in "abcd"]
A, B, C, D = (ref.stream for ref in REFS)


class Told(Replayed):
    """Knows each stream at version 7, and remembers from which version on it was to be read."""

    def __init__(self) -> None:
        super().__init__(MemoryEventStore())
        self.reads: list[tuple[str, int]] = []
        self.free = asyncio.Event()

    async def read(self, refs: Sequence[Ref[Any]], since: Mapping[str, Known] = NOTHING) -> Mapping[str, Known]:
        self.reads += [(ref.stream, since[ref.stream].version if ref.stream in since else 0) for ref in refs]
        await self.free.wait()
        return {ref.stream: Known(7, User()) for ref in refs}


@pytest.fixture
def states() -> Told:
    return Told()


@pytest.fixture
def streams(states: Told) -> Streams:
    return Streams(MemoryEventStore(), states, 3)


def test_what_was_used_longest_ago_is_given_up_first(streams: Streams) -> None:
    for stream in (A, B, C):
        streams.put(stream, Entry(1, User()))
    streams.use(A)
    streams.put(D, Entry(1, User()))
    streams.trim()
    assert [stream for stream in (A, B, C, D) if stream in streams] == [A, C, D]


async def test_it_is_known_of_as_many_as_there_is_room_for_from_where_to_go_on(
    streams: Streams, states: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knowing, "MAX_CONTESTED", 2)
    states.free.set()
    for stream in (A, B, C):
        streams.lost(stream)
        streams.committed(stream, Known(4, User()))
    await streams.load(REFS)
    assert states.reads == [(A, 0), (B, 4), (C, 4), (D, 0)]


async def test_across_a_mark_a_stream_is_read_as_if_it_were_new(streams: Streams, states: Told) -> None:
    states.free.set()
    for stream, version in ((A, knowing.READ_EVERY), (B, knowing.READ_EVERY + 1)):
        streams.lost(stream)
        streams.committed(stream, Known(4, User()))
        streams.passed(stream, version - 1, version)
    streams.passed(C, knowing.READ_EVERY - 1, knowing.READ_EVERY)  # nobody has lost it
    await streams.load(REFS[:2])
    assert states.reads == [(A, 0), (B, 4)]


async def test_a_stream_is_read_once_though_others_are_asked_for_meanwhile(streams: Streams, states: Told) -> None:
    asked = []
    for ref in (REFS[0], REFS[1], REFS[0]):
        asked.append(asyncio.create_task(streams.load([ref])))
        await asyncio.sleep(0)
    states.free.set()
    await asyncio.gather(*asked)
    assert states.reads == [(A, 0), (B, 0)]
