"""Records that are made quickly are the records that they would be anyway."""

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from inspect import signature

import pytest

from events.quick import quick


@dataclass(frozen=True, slots=True)
class Plain:
    sku: str
    quantity: int = 1
    names: tuple[str, ...] = ()
    worth: dict[str, int] = field(default_factory=dict, compare=False)


@quick
@dataclass(frozen=True, slots=True)
class Quick:
    sku: str
    quantity: int = 1
    names: tuple[str, ...] = ()
    worth: dict[str, int] = field(default_factory=dict, compare=False)


def values(record: Plain | Quick) -> list[object]:
    return [getattr(record, each.name) for each in fields(record)]


def test_every_field_is_set_by_place_by_name_and_by_default() -> None:
    for given, named in ((("A",), {}), (("A", 2, ("x",), {"y": 3}), {}), ((), {"worth": {"z": 1}, "sku": "B"})):
        assert values(Quick(*given, **named)) == values(Plain(*given, **named))  # type: ignore[arg-type]
    assert signature(Quick) == signature(Plain)


def test_what_is_made_by_default_is_made_each_time() -> None:
    one, other = Quick("A"), Quick("A")
    one.worth["A"] = 1
    assert other.worth == {}


@pytest.mark.parametrize(("given", "named"), [((), {}), (("A", 1, (), {}, 5), {}), (("A",), {"colour": "red"})])
def test_what_does_not_fit_is_refused(given: tuple[object, ...], named: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        Quick(*given, **named)  # type: ignore[arg-type]


def test_it_stays_frozen_equal_hashable_and_can_be_copied() -> None:
    record = Quick("A", 2)
    with pytest.raises(FrozenInstanceError):
        record.quantity = 3  # type: ignore[misc]
    assert record == Quick("A", 2) != Quick("A", 3)
    assert hash(record) == hash(Quick("A", 2))
    assert repr(record) == "Quick(sku='A', quantity=2, names=(), worth={})"
    assert replace(record, quantity=3) == Quick("A", 3)
    assert copy.deepcopy(record) == pickle.loads(pickle.dumps(record)) == record


def test_what_is_not_simply_given_is_no_quick_record() -> None:
    @dataclass(frozen=True, slots=True)
    class Checked:
        quantity: int

        def __post_init__(self) -> None:
            assert self.quantity > 0

    @dataclass(frozen=True, slots=True)
    class Derived:
        quantity: int = field(init=False, default=1)

    for record in (Checked, Derived):
        with pytest.raises(TypeError, match=f"{record.__name__} cannot be made from quantity alone"):
            quick(record)
