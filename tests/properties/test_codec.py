"""Facts survive being written down: whatever they hold, and however long ago they were written."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import EVENT_TYPES, STREAM_KINDS, stream_of
from infrastructure.append_call import SEPARATOR
from infrastructure.codec import FactTranscoder
from tests.golden import FOLDER, golden_file
from tests.properties.strategies import made_of

TRANSCODER = FactTranscoder()
EVOLUTION = TRANSCODER.evolution
WRITTEN = [(name, version) for name in EVENT_TYPES for version in range(1, EVOLUTION.version(name) + 1)]


@pytest.mark.parametrize("name", EVENT_TYPES)
@settings(max_examples=40)
@given(data=st.data())
def test_a_fact_is_read_as_it_was_written(name: str, data: st.DataObject) -> None:
    fact = data.draw(made_of(EVENT_TYPES[name]))
    body = TRANSCODER.encode(fact)
    again = TRANSCODER.decode_fact(name, EVOLUTION.version(name), body)
    assert again == fact
    assert TRANSCODER.encode(again) == body
    assert SEPARATOR not in body.decode()


@pytest.mark.parametrize("kind", STREAM_KINDS, ids=lambda kind: kind.category)
@settings(max_examples=40)
@given(data=st.data())
def test_a_facts_stream_is_told_by_its_identity(kind: Any, data: st.DataObject) -> None:
    fact = data.draw(st.sampled_from(kind.events).flatmap(made_of))
    assert stream_of(fact) == f"{kind.category}-" + "@".join(getattr(fact, name) for name in kind.identity)


@pytest.mark.parametrize(("name", "version"), WRITTEN)
def test_every_fact_has_a_golden_file_that_is_still_understood(name: str, version: int) -> None:
    file = golden_file(name, version)
    assert file.exists(), f"run `python -m tests.golden`, look at {file.name}, and commit it"
    body = file.read_text()
    fact = TRANSCODER.decode_fact(name, version, body)
    again = TRANSCODER.encode(fact)
    assert TRANSCODER.decode_fact(name, EVOLUTION.version(name), again) == fact
    if version == EVOLUTION.version(name):
        lost = differences(json.loads(body), json.loads(again))
        assert lost == [], (
            "what stands in books would be read differently: raise the version, see docs/changing-a-fact.md"
        )


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: file.name)
def test_what_has_a_golden_file_can_be_read_for_ever(file: Any) -> None:
    name, _, version = file.stem.partition(".v")
    TRANSCODER.decode_fact(name, int(version), file.read_text())


def differences(then: Any, now: Any, path: str = "") -> list[str]:
    """Where `now` says something else than `then`. It may say more: fields that were added since, with defaults."""
    if isinstance(then, dict) and isinstance(now, dict):
        return [found for key in then for found in differences(then[key], now.get(key, ...), f"{path}/{key}")]
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        return [
            found for n, (a, b) in enumerate(zip(then, now, strict=True)) for found in differences(a, b, f"{path}/{n}")
        ]
    return [] if then == now and type(then) is type(now) else [path]
