"""The port to the states of streams: where a decision finds the present, and what may be kept to find it sooner."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from commands.decider import Ref
from events.store import EventStore


class Known(NamedTuple):
    """What the first `version` facts of a stream lead to."""

    version: int
    state: Any


NOTHING: Mapping[str, Known] = MappingProxyType({})


class States(Protocol):
    """Committed states only, in both directions."""

    async def read(self, refs: Sequence[Ref[Any]], since: Mapping[str, Known] = NOTHING) -> Mapping[str, Known]:
        """The present of each stream, by its name. Raises what reading the store raises.

        `since` are states that streams have had, from which it is shorter to go on."""
        ...

    def moved(self, ref: Ref[Any], before: int, now: Known) -> None:
        """This process has led a stream from version `before` to where it is now, and that is committed.

        Says so for every stream of every append: it must be cheap, it may not fail, and nobody waits for it."""
        ...


class Replayed:
    """Folds every stream from its first fact, and keeps nothing."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def read(self, refs: Sequence[Ref[Any]], since: Mapping[str, Known] = NOTHING) -> Mapping[str, Known]:
        folds = {ref.stream: ref.fold for ref in refs}
        known = {stream: Known(0, fold.initial) for stream, fold in folds.items()}
        for fact in await self._store.read(list(folds)):
            state = folds[fact.stream].evolve(known[fact.stream].state, fact.event)
            known[fact.stream] = Known(fact.version, state)
        return known

    def moved(self, ref: Ref[Any], before: int, now: Known) -> None:
        pass
