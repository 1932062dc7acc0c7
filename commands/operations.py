"""Decisions of operators that belong into the book."""

from collections.abc import Sequence
from dataclasses import dataclass

from commands.decider import Fold, Read
from events.operations import FactSkipped, OperationsEvent


@dataclass(frozen=True, slots=True)
class SkipFact:
    projection: str
    key: str
    position: int
    reason: str


OperationsCommand = SkipFact

Skipped = frozenset[tuple[str, int]]


def evolve(skipped: Skipped, event: OperationsEvent) -> Skipped:
    return skipped | {(event.key, event.position)}


skips: Fold[Skipped] = Fold("projection", frozenset(), evolve)


def decide(command: OperationsCommand, read: Read) -> Sequence[OperationsEvent]:
    if (command.key, command.position) in read(skips(command.projection)):
        return []
    return [FactSkipped(command.projection, command.key, command.position, command.reason)]
