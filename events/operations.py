"""What operators did to the read side that its users should be able to learn of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FactSkipped:
    """A fact that a projection could not take was left out of it. `key` names the row, `position` the fact."""

    projection: str
    key: str
    position: int
    reason: str


OperationsEvent = FactSkipped
