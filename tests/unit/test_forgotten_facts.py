"""Every fact of a person can be read after that person is forgotten, and says nothing of them any more."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from events import EVENT_TYPES, person_of, personal_fields
from events.values import FORGOTTEN
from infrastructure.codec import FactTranscoder
from infrastructure.vault import KEYS_MADE, MasterKeys, Vault
from tests.golden.__main__ import example

PERSONAL = [kind for kind in EVENT_TYPES.values() if personal_fields(kind)]


class Keys:
    """Takes the key that is offered, and has none."""

    async def fetch(self, query: str, *arguments: Any) -> Sequence[Any]:
        [person], *offered = arguments
        return [(person, offered[0][0], offered[1]) if query == KEYS_MADE else (person, None, None)]


@pytest.mark.parametrize("kind", PERSONAL, ids=lambda kind: kind.__name__)
async def test_it_can_be_read(kind: type) -> None:
    vault = Vault(MasterKeys(b"m" * 32))
    transcoder, event = FactTranscoder(vault=vault), example(kind)
    await vault.provide(Keys(), [person_of(event)])
    body, personal = transcoder.divided(event)
    assert personal is not None
    stored = transcoder.divider.sealed(kind.__name__, body.decode(), personal)
    assert transcoder.decode_fact(kind.__name__, transcoder.evolution.version(kind.__name__), stored) == event
    vault.forget(person_of(event))
    await vault.learn(Keys(), [person_of(event)])
    read = transcoder.decode_fact(kind.__name__, transcoder.evolution.version(kind.__name__), stored)
    for name in personal_fields(kind):
        left = msgspec.to_builtins(getattr(read, name))
        assert left is None or {*(left.values() if isinstance(left, dict) else [left])} == {FORGOTTEN}
