"""What every `EventStore` promises. Whoever has one subclasses this, with a fixture `store`, and is examined."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest

from events import Event
from events.claim import NameClaimed, NameReleased
from events.stock import StockAdjusted, StockReceived
from events.store import Append, Appended, Conflict, Escrow, EventStore, Metadata
from events.values import Sku

STRANGE = 'a,b;{"c"}\\d\'e\nf\tNULL ∞ \u2028 🫖 (0) $1 %s'


def claim(name: str, owner: str = "me") -> NameClaimed:
    return NameClaimed(name, owner)


def stream(name: str) -> str:
    return f"claim-{name}"


@pytest.fixture
def name() -> str:
    """A name that no other test uses, so that many can share one book."""
    return uuid4().hex


async def outcomes(store: EventStore, *appends: Append) -> list[Appended | BaseException]:
    """All asked at once, in this order."""
    return await asyncio.gather(*map(store.append, appends), return_exceptions=True)


ANY = (0, 2**31)


def moving(name: str, expected: int, before: int, delta: int, bounds: tuple[int, int] | None = ANY) -> Append:
    """One fact, decided at this version, where the balance was `before`."""
    return Append([claim(name)], {stream(name): expected}, escrows={stream(name): Escrow(before, delta, bounds)})


class EventStoreContract:
    async def test_what_is_appended_is_read_back(self, store: EventStore, name: str) -> None:
        before, head = datetime.now(UTC), await store.head()
        metadata = Metadata("ann", "Claim", "cor_1", "cau_1", "req_1", "00-abc-01")
        then = datetime(2017, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
        appended = await store.append(Append([claim(name)], metadata=metadata, occurred_at=then))
        (recorded,) = await store.read([stream(name)])
        assert appended == Appended(head + 1, recorded.recorded_at)
        assert recorded.event == claim(name)
        assert (recorded.stream, recorded.version, recorded.position) == (stream(name), 1, head + 1)
        assert (recorded.metadata, recorded.occurred_at) == (metadata, then)
        assert abs(recorded.recorded_at - before) < timedelta(minutes=1)
        assert await store.head() == head + 1

    async def test_what_happened_now_occurred_when_it_was_recorded(self, store: EventStore, name: str) -> None:
        await store.append(Append([claim(name)]))
        (recorded,) = await store.read([stream(name)])
        assert recorded.occurred_at == recorded.recorded_at
        assert recorded.metadata == Metadata()

    async def test_strange_text_comes_back_as_it_was(self, store: EventStore, name: str) -> None:
        facts = [claim(name + STRANGE, STRANGE), claim(name, "nul \0 rs \x1e del \x7f"), claim(name, "")]
        await store.append(Append(facts, {stream(name + STRANGE): 0}, Metadata(actor=STRANGE)))
        recorded = [*await store.read([stream(name + STRANGE)]), *await store.read([stream(name)])]
        assert [fact.event for fact in recorded] == facts
        assert recorded[0].metadata.actor == STRANGE

    async def test_each_streams_facts_come_in_order(self, store: EventStore, name: str) -> None:
        a, b = name + "a", name + "b"
        facts: Sequence[Event] = [claim(b, "1"), claim(a, "1"), claim(b, "2"), NameReleased(a, "1"), claim(b, "3")]
        head = await store.head()
        assert (await store.append(Append(facts))).position == head + 5
        recorded = await store.read([stream(a), stream(b), stream(name + "c")])
        by_stream = {
            each: [(fact.version, fact.position - head) for fact in recorded if fact.stream == each]
            for each in (stream(a), stream(b))
        }
        assert by_stream == {stream(a): [(1, 2), (2, 4)], stream(b): [(1, 1), (2, 3), (3, 5)]}
        assert [fact.event for fact in await store.read_all(head, limit=9)] == facts

    async def test_versions_tell_how_far_streams_are(self, store: EventStore, name: str) -> None:
        await store.append(Append([claim(name), claim(name)]))
        versions = await store.versions([stream(name), stream(name + "?")])
        assert versions == {stream(name): 2, stream(name + "?"): 0}
        assert await store.read([stream(name + "?")]) == []

    @pytest.mark.parametrize("expected", [1, 3])
    async def test_another_version_than_expected_is_a_conflict(
        self, store: EventStore, name: str, expected: int
    ) -> None:
        await store.append(Append([claim(name), claim(name)], {stream(name): 0}))
        head = await store.head()
        with pytest.raises(Conflict) as caught:
            await store.append(Append([claim(name), claim(name + "other")], {stream(name): expected}))
        conflict = caught.value
        assert (conflict.stream, conflict.expected, conflict.actual) == (stream(name), expected, 2)
        assert await store.head() == head
        assert await store.versions([stream(name + "other")]) == {stream(name + "other"): 0}

    async def test_the_first_condition_that_does_not_hold_is_named(self, store: EventStore, name: str) -> None:
        await store.append(Append([claim(name + "b"), claim(name + "c")]))
        expected = {stream(name + "a"): 0, stream(name + "c"): 5, stream(name + "b"): 7}
        with pytest.raises(Conflict) as caught:
            await store.append(Append([claim(name + each) for each in "abc"], expected))
        assert (caught.value.stream, caught.value.expected, caught.value.actual) == (stream(name + "c"), 5, 1)

    async def test_a_guard_holds_what_was_only_read(self, store: EventStore, name: str) -> None:
        guarded, guard = stream(name + "guarded"), {stream(name + "guarded"): 1}
        await store.append(Append([claim(name + "guarded")]))
        await store.append(Append([claim(name)], guard | {stream(name): 0, stream(name + "none"): 0}))
        assert await store.versions([guarded, stream(name + "none")]) == {guarded: 1, stream(name + "none"): 0}
        await store.append(Append([claim(name + "guarded")]))
        with pytest.raises(Conflict) as caught:
            await store.append(Append([claim(name)], guard))
        assert (caught.value.stream, caught.value.expected, caught.value.actual) == (guarded, 1, 2)
        assert await store.versions([stream(name)]) == {stream(name): 1}

    async def test_without_an_expected_version_any_is_right(self, store: EventStore, name: str) -> None:
        done = await outcomes(store, *[Append([claim(name, str(n)), claim(name, str(n))]) for n in range(20)])
        assert all(isinstance(each, Appended) for each in done)
        recorded = await store.read([stream(name)])
        assert [fact.version for fact in recorded] == list(range(1, 41))
        assert [fact.event for fact in recorded] == [claim(name, str(n)) for n in range(20) for _ in "12"]

    async def test_of_many_who_expect_one_version_one_wins(self, store: EventStore, name: str) -> None:
        done = await outcomes(store, *[Append([claim(name, str(n))], {stream(name): 0}) for n in range(20)])
        assert [type(each) for each in done].count(Appended) == 1
        conflicts = [each for each in done if isinstance(each, Conflict)]
        assert [(each.stream, each.expected, each.actual) for each in conflicts] == [(stream(name), 0, 1)] * 19

    async def test_appends_asked_at_once_may_build_on_each_other(self, store: EventStore, name: str) -> None:
        expected = [0, 1, 1, 2, 9, 3]
        head = await store.head()
        done = await outcomes(store, *[Append([claim(name)], {stream(name): version}) for version in expected])
        positions = [head + 1, head + 2, None, head + 3, None, head + 4]
        assert [getattr(each, "position", None) for each in done] == positions
        assert [getattr(each, "actual", None) for each in done] == [None, None, 2, None, 3, None]
        assert await store.versions([stream(name)]) == {stream(name): 4}

    async def test_a_guard_sees_what_was_asked_just_before(self, store: EventStore, name: str) -> None:
        guard = {stream(name): 0}
        done = await outcomes(
            store, Append([claim(name + "a")], guard), Append([claim(name)]), Append([claim(name + "b")], guard)
        )
        assert [type(each) for each in done] == [Appended, Appended, Conflict]

    async def test_an_append_of_nothing_stands_at_the_head(self, store: EventStore, name: str) -> None:
        await store.append(Append([claim(name)]))
        assert (await store.append(Append([], {stream(name): 1}))).position == await store.head()
        with pytest.raises(Conflict):
            await store.append(Append([], {stream(name): 0}))

    async def test_positions_have_no_gaps_and_time_does_not_go_back(self, store: EventStore, name: str) -> None:
        head = await store.head()
        appends = [
            Append([claim(f"{name}{n % 7}")] * (n % 4), {stream(f"{name}{n % 5}"): 0} if n % 2 else {})
            for n in range(200)
        ]
        done = await outcomes(store, *appends)
        assert {type(each) for each in done} == {Appended, Conflict}
        stored = sum(
            len(append.events) for append, each in zip(appends, done, strict=True) if isinstance(each, Appended)
        )
        recorded = await store.read_all(head, limit=10_000)
        assert [fact.position for fact in recorded] == list(range(head + 1, head + stored + 1))
        assert all(a.recorded_at <= b.recorded_at for a, b in pairwise(recorded))
        assert await store.head() == head + stored

    async def test_the_book_is_read_in_pages_and_by_types(self, store: EventStore, name: str) -> None:
        head, sku = await store.head(), Sku(name)
        facts: Sequence[Event] = [StockReceived(sku, 1), claim(name), StockAdjusted(sku, 1, "found"), claim(name)]
        await store.append(Append(facts))
        assert [fact.event for fact in await store.read_all(head, limit=2)] == list(facts[:2])
        assert [fact.event for fact in await store.read_all(head + 2, limit=2)] == list(facts[2:])
        claims = await store.read_all(head, limit=9, types=["NameClaimed"])
        assert [fact.position for fact in claims] == [head + 2, head + 4]
        (first,) = await store.read_all(head, limit=1, types=["NameClaimed", "StockAdjusted"])
        assert first.position == head + 2
        assert await store.read_all(head + 4, limit=9) == []

    async def test_what_commutes_is_right_at_a_later_version_too(self, store: EventStore, name: str) -> None:
        done = await outcomes(store, moving(name, 0, 0, 5, None), *[moving(name, 1, 5, -1) for _ in range(5)])
        passed = [{stream(name): version} for version in range(2, 6)]
        assert [getattr(each, "passed", None) for each in done] == [{}, {}, *passed]
        assert await store.versions([stream(name)]) == {stream(name): 6}

    async def test_a_balance_never_falls_below_nothing(self, store: EventStore, name: str) -> None:
        await store.append(moving(name, 0, 0, 5, None))
        done = await outcomes(store, *[moving(name, 1, 5, -2) for _ in range(4)])
        assert [type(each) for each in done] == [Appended, Appended, Conflict, Conflict]
        await store.append(moving(name, 1, 5, 3))
        await store.append(moving(name, 1, 5, -4))
        with pytest.raises(Conflict):
            await store.append(moving(name, 1, 5, -1))

    async def test_the_balance_must_be_within_the_bounds_afterwards(self, store: EventStore, name: str) -> None:
        await store.append(moving(name, 0, 0, 5, None))
        bounds = [(4, 9), (5, 9), (0, 3), (0, 1)]
        done = [(await outcomes(store, moving(name, 1, 5, -1, each)))[0] for each in bounds]
        assert [type(each) for each in done] == [Appended, Conflict, Appended, Conflict]

    async def test_what_must_be_known_is_no_matter_of_the_balance(self, store: EventStore, name: str) -> None:
        """Who decided before a fact that does not commute has to decide again."""
        await store.append(moving(name, 0, 0, 5, None))
        await store.append(moving(name, 1, 5, 5, None))
        with pytest.raises(Conflict):
            await store.append(moving(name, 1, 5, -1))
        await store.append(moving(name, 2, 10, -1))

    async def test_a_version_that_is_not_yet_is_a_conflict_for_all(self, store: EventStore, name: str) -> None:
        await store.append(moving(name, 0, 0, 5, None))
        with pytest.raises(Conflict):
            await store.append(moving(name, 2, 5, -1))

    async def test_a_fact_without_a_word_of_the_balance_makes_it_unknown(self, store: EventStore, name: str) -> None:
        await store.append(moving(name, 0, 0, 5, None))
        await store.append(Append([claim(name)]))
        done = await outcomes(store, moving(name, 1, 5, -1), moving(name, 2, 1, -1), moving(name, 2, 1, -1))
        assert [type(each) for each in done] == [Conflict, Appended, Conflict]

    async def test_the_first_who_says_the_balance_may_be_one_whose_fact_commutes(
        self, store: EventStore, name: str
    ) -> None:
        await store.append(Append([claim(name), claim(name)]))
        done = await outcomes(store, *[moving(name, 2, 3, -1) for _ in range(4)])
        assert [type(each) for each in done] == [Appended, Appended, Appended, Conflict]

    async def test_who_comes_too_late_for_the_exact_version_makes_all_wait_for_it(
        self, store: EventStore, name: str
    ) -> None:
        await store.append(moving(name, 0, 0, 5, None))
        await store.append(moving(name, 1, 5, -1))
        done = await outcomes(
            store,
            moving(name, 1, 5, 1, None),
            moving(name, 1, 5, -1),
            moving(name, 2, 4, 1, None),
            moving(name, 3, 5, -1),
        )
        assert [type(each) for each in done] == [Conflict, Conflict, Appended, Appended]
        late = await outcomes(store, moving(name, 3, 5, 1, None))
        assert [type(each) for each in (*late, *await outcomes(store, moving(name, 3, 5, -1)))] == [Conflict, Conflict]
        await store.append(moving(name, 4, 4, -1))
