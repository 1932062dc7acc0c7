"""Hypothesis strategies made from types: any fact and any state there can be."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import EnumType
from functools import cache
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


@cache
def made_of(kind: type) -> SearchStrategy[Any]:
    """Any instance of a dataclass whose fields fit their types."""
    hints = get_type_hints(kind)
    return st.builds(kind, **{each.name: of_type(hints[each.name]) for each in fields(kind)})


def of_type(hint: Any) -> SearchStrategy[Any]:
    if hint in ANY:
        return ANY[hint]
    if isinstance(hint, NewType):
        return of_type(hint.__supertype__)
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return made_of(hint)
    if isinstance(hint, EnumType):
        return st.sampled_from(list(hint))
    of = [of_type(each) for each in get_args(hint) if each is not ...]
    if get_origin(hint) in (Union, UnionType):
        return st.one_of(of)
    if get_origin(hint) is tuple:
        return st.lists(of[0], max_size=4).map(tuple) if ... in get_args(hint) else st.tuples(*of)
    if get_origin(hint) is frozenset:
        return st.frozensets(of[0], max_size=4)
    if get_origin(hint) in (dict, Mapping):
        return st.dictionaries(of[0], of[1], max_size=4)
    raise TypeError(f"no strategy for {hint}: add one to {__name__}")
