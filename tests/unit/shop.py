"""Deciders told as stories: given these facts, when this command comes, then these facts follow, or this refusal."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from typing import Any, TypeVar

import pytest

from commands import DECIDERS, Command
from commands.decider import Ref
from commands.rejections import Rejected
from events import Event, stream_of

S = TypeVar("S")


class Shop:
    """Facts by stream, read as a decision reads them. Like the handler it takes facts of streams it has read only."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._facts: dict[str, list[Event]] = {}
        self._read: set[str] = set()
        self.add(*events)

    def add(self, *events: Event) -> None:
        """What happened elsewhere."""
        for event in events:
            self._facts.setdefault(stream_of(event), []).append(event)

    def __call__(self, ref: Ref[S]) -> S:
        self._read.add(ref.stream)
        return reduce(ref.fold.evolve, self._facts.get(ref.stream, []), ref.fold.initial)

    def all(self, refs: Sequence[Ref[S]]) -> list[S]:
        return [self(ref) for ref in refs]

    def facts(self, stream: str) -> Sequence[Event]:
        return self._facts.get(stream, [])

    def when(self, *commands: Command) -> list[Event]:
        """All that follows from these commands, one after the other."""
        happened: list[Event] = []
        for command in commands:
            self._read.clear()
            facts = DECIDERS[type(command)](command, self)
            for fact in facts:
                assert stream_of(fact) in self._read, f"{fact} is written to a stream that was not read"
                self._facts.setdefault(stream_of(fact), []).append(fact)
            happened += facts
        return happened


def given(*events: Event) -> Shop:
    return Shop(events)


@contextmanager
def refused(refusal: type[Rejected], /, **details: Any) -> Iterator[pytest.ExceptionInfo[Rejected]]:
    """Exactly this refusal, with exactly these details if any are named."""
    with pytest.raises(Rejected) as caught:
        yield caught
    assert type(caught.value) is refusal
    assert caught.value.detail.endswith("."), "a refusal says why, in a sentence"
    if details:
        assert caught.value.details == details
