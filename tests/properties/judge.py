"""Judges what concurrent writers were answered by what is in the book: a list of complaints, empty if all is well."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise

from events import stream_of
from events.store import Append, Appended, AppendRefused, Conflict, Recorded, Unacknowledged
from tests.properties.writers import History, Tried


def complaints(history: History) -> list[str]:
    return [*_tails(history), *_book(history), *_answers(history), *_versions(history)]


def _tails(history: History) -> Iterator[str]:
    positions = [fact.position for fact in history.book]
    if history.endless:
        yield "a reader missed the end"
    for seen in history.tails:
        if repeated := [position for position, times in Counter(seen).items() if times > 1]:
            yield f"a reader saw twice: {repeated}"
        if missed := sorted({*positions} - {*seen}):
            yield f"a reader missed: {missed}"
        if seen != sorted(seen):
            yield "a reader saw positions go back"


def _book(history: History) -> Iterator[str]:
    positions = [fact.position for fact in history.book]
    if positions != list(range(history.start + 1, history.start + 1 + len(positions))):
        yield f"positions after {history.start} are not contiguous: {positions}"
    if any(before.recorded_at > after.recorded_at for before, after in pairwise(history.book)):
        yield "time goes back"
    if foreign := Counter(_owner(fact) for fact in history.book) - Counter(
        owner for tried in history.tried for owner in _owners(tried.append)
    ):
        yield f"stored, and never asked for or asked for once: {foreign}"


def _answers(history: History) -> Iterator[str]:
    """Acknowledged: stored once, whole, in its place. Refused: not stored. Unacknowledged: whole or not at all."""
    places = _places(history)
    for tried in history.tried:
        stored = [places.get(owner) for owner in _owners(tried.append)]
        there = [place for place in stored if place is not None]
        match tried.outcome:
            case Appended(position=position) if there and there != list(
                range(position - len(stored) + 1, position + 1)
            ):
                yield f"acknowledged as {position}, stored at {stored}"
            case Appended() if len(there) < len(stored):
                yield f"acknowledged and lost: {tried.append.events}"
            case Unacknowledged() if there and len(there) < len(stored):
                yield f"half of it is stored: {stored}"
            case AppendRefused() as refused:
                yield f"nothing was wrong with what was refused: {refused}"
            case Conflict() if there:
                yield f"refused and stored at {there}"
        if not tried.visible:
            yield f"acknowledged as {tried.outcome}, and another store does not show it"
        yield from _repetition(tried)


def _repetition(tried: Tried) -> Iterator[str]:
    """Whoever asks again with the same key gets the same answer."""
    if tried.again is None:
        return
    first, again = tried.outcome, tried.again
    assert isinstance(first, Appended)
    if not isinstance(again, Appended) or again.replayed is None:
        yield f"asked again, answered anew: {again}"
    elif (again.position, again.recorded_at) != (first.position, first.recorded_at):
        yield f"asked again, answered {again} instead of {first}"
    elif again.replayed != tried.append.key:
        yield f"another answer was kept: {again.replayed}"


def _versions(history: History) -> Iterator[str]:
    """The book replayed in order: every stored append stands on the versions that it expected."""
    by_owner = {
        owner: (tried.append, place) for tried in history.tried for place, owner in enumerate(_owners(tried.append))
    }
    at: dict[int, Counter[str]] = {history.start: Counter()}
    versions: Counter[str] = Counter()
    for fact in history.book:
        append, place = by_owner.get(_owner(fact), (Append([]), 1))
        if place == 0:
            yield from _not_as_expected(append, versions)
        versions[fact.stream] += 1
        if fact.version != versions[fact.stream]:
            yield f"{fact.stream} has version {fact.version} as its fact number {versions[fact.stream]}"
        at[fact.position] = Counter(versions)
    for tried in history.tried:
        match tried.outcome:
            case Appended(position=position) if not tried.append.events:
                yield from _not_as_expected(tried.append, at.get(position, versions))
            case Conflict(stream=stream, expected=expected, actual=actual):
                before = at[max(place for place in at if place <= max(tried.known, history.start))]
                if actual == expected or not before[stream] <= actual <= versions[stream]:
                    yield f"no reason to refuse: {tried.outcome}"


def _not_as_expected(append: Append, versions: Mapping[str, int]) -> Iterator[str]:
    for stream, expected in append.expected.items():
        if versions.get(stream, 0) != expected:
            yield f"stored on {stream} at {versions.get(stream, 0)}, expected {expected}"


def _places(history: History) -> dict[str, int]:
    return {_owner(fact): fact.position for fact in history.book}


def _owners(append: Append) -> list[str]:
    """By its owner each fact of a play is known."""
    return [str(getattr(event, "owner", "")) for event in append.events]


def _owner(fact: Recorded) -> str:
    assert stream_of(fact.event) == fact.stream
    return str(getattr(fact.event, "owner", ""))
