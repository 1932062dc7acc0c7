"""A state that was kept is the state that was left, whatever it is and wherever in a stream's history it was kept."""

from collections import defaultdict
from functools import reduce
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands import FOLDS
from commands.decider import Fold
from commands.states import Known
from events import Event, category_of, stream_of
from events.evolution import Evolution
from infrastructure.fold_key import fold_key
from infrastructure.snapshots import StateCodec
from tests.properties.asked_besides import BESIDES
from tests.properties.asked_trade import TRADE, asked
from tests.properties.strategies import of_type
from tests.unit.pasts import filled_cart, stocked
from tests.unit.shop import given as shop_where

CODECS = {category: StateCodec(fold, fold_key(fold, Evolution())) for category, fold in FOLDS.items()}
"""Of all folds, also those that are not kept today because of personal data."""


def kept_and_found(category: str, stream: str, known: Known) -> Known:
    _, _, version, state, digest = CODECS[category].encode(stream, known)
    return CODECS[category].decode(stream, version, state, digest)


def folded(fold: Fold[Any], state: Any, facts: list[Event]) -> Any:
    return reduce(fold.evolve, facts, state)


@pytest.mark.parametrize("category", FOLDS)
@settings(max_examples=60)
@given(data=st.data())
def test_every_state_is_found_as_it_was_kept(category: str, data: st.DataObject) -> None:
    known = Known(
        data.draw(st.integers(1, 10**6)), data.draw(of_type(get_type_hints(FOLDS[category].evolve)["return"]))
    )
    assert in_order(kept_and_found(category, "stream", known)) == in_order(known)


@settings(max_examples=80, deadline=None)
@given(commands=st.lists(st.sampled_from(TRADE * 2 + BESIDES), max_size=60), data=st.data())
def test_it_makes_no_difference_where_a_state_was_kept(commands: list[Any], data: st.DataObject) -> None:
    shop = shop_where(*stocked, *filled_cart)
    streams: dict[str, list[Event]] = defaultdict(list)
    for fact in [*stocked, *filled_cart, *(fact for command in commands for fact in asked(shop, command))]:
        streams[stream_of(fact)].append(fact)
    for stream, facts in streams.items():
        category = category_of(type(facts[0]))
        fold, cut = FOLDS[category], data.draw(st.integers(1, len(facts)))
        kept = kept_and_found(category, stream, Known(cut, folded(fold, fold.initial, facts[:cut])))
        resumed, whole = folded(fold, kept.state, facts[cut:]), folded(fold, fold.initial, facts)
        assert in_order(resumed) == in_order(whole)


def in_order(value: Any) -> Any:
    """Dictionaries that are equal may still differ in their order, and decisions go through them in it."""
    if isinstance(value, dict):
        return [(key, in_order(each)) for key, each in value.items()]
    if hasattr(value, "__dataclass_fields__"):
        return [type(value), *(in_order(getattr(value, name)) for name in value.__dataclass_fields__)]
    return tuple(map(in_order, value)) if isinstance(value, tuple) else (type(value), value)
