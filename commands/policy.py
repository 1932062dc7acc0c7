"""When this happened, do that next: what a policy is, whatever it is about."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from commands import Command
from commands.handler import Handler
from events.store import Recorded

PolicyName = Literal["fulfilment", "mail"]
POLICIES: tuple[PolicyName, ...] = get_args(PolicyName)
"""All that there are: no fact is archived that one of them has yet to see."""


class Unavailable(Exception):
    """What a reaction needs from the world outside gave no answer. The same reaction is tried again later."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`react` is called for every fact of `reacts_to`, which may be empty, in any order and after a crash perhaps once
    more, so a repeated reaction must add nothing. It may ask the world outside, and answers with the commands that
    follow, for one transaction.

    `name` is that of its checkpoint, and `system:name` acts."""

    name: PolicyName
    reacts_to: tuple[type, ...]
    react: Callable[[Recorded, Handler], Awaitable[Sequence[Command]]]
