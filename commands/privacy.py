"""Forgetting people: that it happened is a fact, and storing it is what makes it so."""

from collections.abc import Sequence
from dataclasses import dataclass

from commands.decider import Fold, Read
from events.privacy import PrivacyEvent, SubjectForgotten
from events.values import UserId


@dataclass(frozen=True, slots=True)
class ForgetSubject:
    """Make all that is personal of a user, or of the guest of an order, unreadable for ever."""

    person_id: UserId
    reason: str


PrivacyCommand = ForgetSubject


def evolve(forgotten: bool, event: PrivacyEvent) -> bool:
    return True


persons: Fold[bool] = Fold("person", False, evolve)
"""Whether someone is forgotten."""


def decide(command: PrivacyCommand, read: Read) -> Sequence[PrivacyEvent]:
    if read(persons(command.person_id)):
        return []
    return [SubjectForgotten(command.person_id, command.reason)]
