"""Facts of earlier versions are read as they are understood today, and what cannot be read is found at the start."""

import json
from dataclasses import dataclass

import pytest

from events import EVENT_TYPES
from events.evolution import BrokenEvolution, Evolution
from infrastructure.codec import FactTranscoder, Undecodable, UnknownFact


@dataclass(frozen=True, slots=True)
class ParcelSent:
    """Version 1 had `weight` in kilograms as a text, version 2 in grams, version 3 a carrier too."""

    parcel: str
    weight_g: int
    carrier: str


def grams(body: dict[str, object]) -> dict[str, object]:
    return {"parcel": body["parcel"], "weight_g": int(float(str(body["weight"])) * 1_000)}


def carried(body: dict[str, object]) -> dict[str, object]:
    return {**body, "carrier": "unknown"}


TYPES = {"ParcelSent": ParcelSent}
EVOLUTION = Evolution(
    {"ParcelSent": 3}, {("ParcelSent", 1): grams, ("ParcelSent", 2): carried}, {"BoxSent": "ParcelSent"}
)


def test_every_earlier_version_is_read_as_the_present_one() -> None:
    transcoder = FactTranscoder(TYPES, EVOLUTION)
    first = transcoder.decode_fact("ParcelSent", 1, json.dumps({"parcel": "p", "weight": "1.5"}))
    second = transcoder.decode_fact("ParcelSent", 2, json.dumps({"parcel": "p", "weight_g": 1500}))
    third = transcoder.decode_fact("ParcelSent", 3, json.dumps({"parcel": "p", "weight_g": 1500, "carrier": "unknown"}))
    assert first == second == third == ParcelSent("p", 1500, "unknown")  # type: ignore[comparison-overlap]


def test_a_renamed_fact_is_found_under_its_old_name() -> None:
    body = json.dumps({"parcel": "p", "weight": "0.2"})
    fact = FactTranscoder(TYPES, EVOLUTION).decode_fact("BoxSent", 1, body)
    assert fact == ParcelSent("p", 200, "unknown")  # type: ignore[comparison-overlap]


@pytest.mark.parametrize(("name", "version"), [("ParcelSent", 4), ("ParcelSent", 0), ("Unheard", 1)])
def test_what_a_later_version_wrote_is_unknown_not_guessed(name: str, version: int) -> None:
    with pytest.raises(UnknownFact):
        FactTranscoder(TYPES, EVOLUTION).decode_fact(name, version, "{}")


@pytest.mark.parametrize("body", ["{}", "[]", "{", '{"parcel": 1, "weight": "1"}', '{"parcel": "p", "weight": "x"}'])
def test_a_body_that_does_not_fit_is_undecodable(body: str) -> None:
    with pytest.raises(Undecodable):
        FactTranscoder(TYPES, EVOLUTION).decode_fact("ParcelSent", 1, body)


@pytest.mark.parametrize("failure", [AttributeError("no such part"), IndexError(), ZeroDivisionError(), RuntimeError()])
def test_a_body_that_an_upcaster_fails_on_is_undecodable_however_it_fails(failure: Exception) -> None:
    def fails(_: object) -> dict[str, object]:
        raise failure

    evolution = Evolution({"ParcelSent": 2}, {("ParcelSent", 1): fails}, {})
    with pytest.raises(Undecodable, match=f"ParcelSent v1 .* upcaster failed: {type(failure).__name__}"):
        FactTranscoder(TYPES, evolution).decode_fact("ParcelSent", 1, "{}")


@pytest.mark.parametrize(
    ("evolution", "complaint"),
    [
        (Evolution({"ParcelSent": 2}, {}, {}), "ParcelSent v1 has no upcaster"),
        (Evolution({}, {("ParcelSent", 1): grams}, {}), "ParcelSent v1 is not a past version"),
        (Evolution({"Nothing": 1}, {}, {}), "Nothing has versions but does not exist"),
        (Evolution({}, {}, {"Old": "New"}), "Old is said to be New, which does not exist"),
        (Evolution({}, {}, {"ParcelSent": "ParcelSent"}), "ParcelSent is renamed but still exists"),
    ],
)
def test_a_way_that_is_missing_is_found_at_the_start(evolution: Evolution, complaint: str) -> None:
    with pytest.raises(BrokenEvolution, match=complaint):
        FactTranscoder(TYPES, evolution)


def test_this_programs_own_ways_are_complete() -> None:
    Evolution().check(EVENT_TYPES)
