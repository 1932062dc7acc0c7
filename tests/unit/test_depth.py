"""How deep a body is told by its brackets alone."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.depth import DEPTH_MAX, check_depth
from api.problems import Problem


@pytest.mark.parametrize("depth", [DEPTH_MAX + 1, 2 * DEPTH_MAX, 100_000])
def test_what_is_deeper_is_refused(depth: int) -> None:
    for body in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth, b"[" * depth):
        with pytest.raises(Problem):
            check_depth(body)


def test_what_is_wide_or_says_brackets_is_not() -> None:
    as_deep_as_may_be = "[" * DEPTH_MAX + "]" * DEPTH_MAX
    wide: list[Any] = [[{}]] * 10_000
    for value in (json.dumps(each) for each in (wide, "[" * 1_000, ["\\", "[" * 100, '"[[' * 100])):
        check_depth(value.encode())
    check_depth(as_deep_as_may_be.encode())
    check_depth(b"[]" * 100 + b"[" * 5)  # no JSON at all, which others say


JSON = st.recursive(
    st.none() | st.text('[]{}\\"a'), lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside)
)


@settings(deadline=None)
@given(JSON, st.integers(0, 2 * DEPTH_MAX))
def test_the_same_as_counting(value: object, more: int) -> None:
    for _ in range(more):
        value = [value]
    try:
        check_depth(json.dumps([value, [[]] * DEPTH_MAX]).encode())
    except Problem:
        assert depth_of(value) + 1 > DEPTH_MAX
    else:
        assert depth_of(value) + 1 <= DEPTH_MAX


def depth_of(value: object) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inside is None else 1 + max(map(depth_of, inside), default=0)
