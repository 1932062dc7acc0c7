"""Hypothesis strategies made from the types of dataclasses: any fact there can be."""

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

ANY: dict[Any, SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    datetime: st.datetimes(timezones=st.just(UTC)),
    NoneType: st.none(),
}


def made_of(kind: type) -> SearchStrategy[Any]:
    """Any instance of a dataclass whose fields fit their types."""
    hints = get_type_hints(kind)
    return st.builds(kind, **{each.name: _of(hints[each.name]) for each in fields(kind)})


def _of(hint: Any) -> SearchStrategy[Any]:
    if hint in ANY:
        return ANY[hint]
    if isinstance(hint, NewType):
        return _of(hint.__supertype__)
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return made_of(hint)
    of = [_of(each) for each in get_args(hint) if each is not ...]
    if get_origin(hint) in (Union, UnionType):
        return st.one_of(of)
    if get_origin(hint) is tuple:
        return st.lists(of[0], max_size=4).map(tuple)
    if get_origin(hint) is dict:
        return st.dictionaries(of[0], of[1], max_size=4)
    raise TypeError(f"no strategy for {hint}: add one to {__name__}")
