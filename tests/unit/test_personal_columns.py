"""No read table keeps what is personal in a fact, once its person is forgotten."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from commands import DECIDERS
from commands.cart import own_cart
from commands.privacy import ForgetSubject, persons
from events import EVENT_TYPES, personal_fields, stream_of
from events.cart import CartClosed
from events.privacy import SubjectForgotten
from events.store import Bare
from events.values import UserId
from projections import PROJECTIONS
from projections.projection import Projection
from tests.golden.__main__ import example
from tests.unit.shop import given

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
PERSONAL = [kind for kind in EVENT_TYPES.values() if personal_fields(kind)]
SHOWING = [(each, kind) for each in PROJECTIONS for kind in PERSONAL if kind in each.facts]


def strings(value: Any) -> set[str]:
    match msgspec.to_builtins(value):
        case str(text):
            return {text}
        case dict() as held:
            return {text for each in held.values() for text in strings(each)}
        case list() | tuple() as held:
            return {text for each in held for text in strings(each)}
    return set()


@pytest.mark.parametrize(("projection", "kind"), SHOWING, ids=lambda each: getattr(each, "name", None) or each.__name__)
def test_the_columns_that_show_it_are_named(projection: Projection[Any], kind: type) -> None:
    event: Any = example(kind)
    known = {text for name in personal_fields(kind) for text in strings(getattr(event, name))}
    known -= {text for each in fields(kind) if not each.metadata for text in strings(getattr(event, each.name))}
    assert known
    fact = Bare(event, stream_of(event), 1, 1, NOON)
    for key in projection.touched(fact):
        row = projection.evolve(None, fact, key)
        if row is None:
            continue
        assert not any(strings(value) & known for value in row._replace(**projection.personal))
        assert not projection.personal or projection.person in row._fields


def test_someone_is_forgotten_once() -> None:
    ann = UserId("usr_ann")
    assert ForgetSubject in DECIDERS and persons(ann).stream == "person-usr_ann"
    cart = own_cart(ann)
    assert given().when(ForgetSubject(ann, "asked")) == [SubjectForgotten(ann, "asked"), CartClosed(cart, cart)]
    guest = UserId("gst_1")
    assert given().when(ForgetSubject(guest, "asked")) == [SubjectForgotten(guest, "asked")]
    assert given(SubjectForgotten(ann, "asked")).when(ForgetSubject(ann, "again")) == []
