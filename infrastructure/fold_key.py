"""What a kept state means: a key that changes whenever the same facts might fold into something else.

Too many changes cost a replay, one too few would be a wrong decision: in doubt it changes, as by a comment in `evolve`.
"""

import hashlib
from typing import Any

import msgspec

from commands.decider import Fold
from events import STREAM_KINDS, StreamKind, personal_fields
from events.evolution import Evolution
from infrastructure.reachable_source import reachable_source

FORMAT = "1"
"""How states are written down. To be raised when that changes."""


def may_be_kept(category: str) -> bool:
    """Whether the facts of these streams hold nothing personal.

    A state may take anything over from its facts, under any name, and a kept one would outlive the forgetting of the
    person. What is personal is marked in the facts; such streams are those of users and orders, which stay short."""
    return not any(personal_fields(event) for event in _kind(category).events)


def fold_key(fold: Fold[Any], evolution: Evolution) -> bytes:
    """SHA-256 over the source that the fold may reach, its initial state, and how its facts are read.

    The types of the state are part of the source: `evolve` names them. Raises OSError where there is no source."""
    names = {event.__name__ for event in _kind(fold.category).events}
    upcasters = {step: upcast for step, upcast in evolution.upcasters.items() if step[0] in names}
    parts = [
        FORMAT,
        fold.category,
        reachable_source(fold.evolve),
        msgspec.json.encode(fold.initial, order="sorted").decode(),
        *(f"{name} v{evolution.version(name)}" for name in sorted(names)),
        *(f"{old} is {new}" for old, new in sorted(evolution.renamed.items()) if new in names),
        *(f"{name} v{version}: {reachable_source(upcast)}" for (name, version), upcast in sorted(upcasters.items())),
    ]
    return hashlib.sha256("\0".join(parts).encode()).digest()


def _kind(category: str) -> StreamKind:
    return next(kind for kind in STREAM_KINDS if kind.category == category)
