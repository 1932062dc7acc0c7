"""That someone is forgotten: from this fact on, nobody can read what is personal in the facts about them."""

from dataclasses import dataclass

from events.values import UserId


@dataclass(frozen=True, slots=True)
class SubjectForgotten:
    """`person_id` is that of a user, or of the guest of one order. Storing this fact destroys the person's key."""

    person_id: UserId
    reason: str


PrivacyEvent = SubjectForgotten
