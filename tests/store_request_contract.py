"""What every `EventStore` promises about requests: chains, repetitions, and bad ones that fail alone."""

import asyncio
import math

import pytest

from events.product import ProductCreated
from events.store import Append, Appended, AppendRefused, Conflict, EventStore, IdempotencyKey, Metadata, Outcome
from events.values import CategoryId, ProductId
from tests.store_contract import claim, outcomes, stream


def weighing(weight: float) -> ProductCreated:
    return ProductCreated(ProductId("p"), "p", "P", CategoryId("c"), attributes={"weight": weight})


class RequestContract:
    async def test_an_append_that_builds_on_one_that_was_stored_is_stored(self, store: EventStore, name: str) -> None:
        first = Append([claim(name)], {stream(name): 0})
        bad = Append([claim(name, "\ud800")])
        second = Append([claim(name)], {stream(name): 1}, after={stream(name): first.ticket})
        third = Append([claim(name)], {stream(name): 2}, after={stream(name): second.ticket})
        done = await outcomes(store, first, bad, second)
        assert [type(each) for each in done] == [Appended, AppendRefused, Appended]
        assert first.ticket.stored
        assert not bad.ticket.stored
        await store.append(third)

    @pytest.mark.parametrize("at_once", [True, False])
    @pytest.mark.parametrize("known_key", [True, False])
    async def test_an_append_that_builds_on_one_that_was_not_stored_is_a_conflict_though_the_version_fits(
        self, store: EventStore, name: str, at_once: bool, known_key: bool
    ) -> None:
        """Another process has brought the stream to the very version that the first append would have led to."""
        key = IdempotencyKey(name, b"hash") if known_key else None
        await store.append(Append([claim(name, "another")], key=key))
        first = Append([claim(name)], {stream(name): 0}, key=key)
        written = Append([claim(name)], {stream(name): 1}, after={stream(name): first.ticket})
        guarded = Append([claim(name + "b")], {stream(name): 1}, after={stream(name): first.ticket})
        chained = Append([claim(name)], {stream(name): 2}, after={stream(name): written.ticket})
        if at_once:
            done = await outcomes(store, first, written, guarded, chained)
        else:
            done = [(await outcomes(store, each))[0] for each in (first, written, guarded, chained)]
        assert [type(each) for each in done] == [Appended if known_key else Conflict, Conflict, Conflict, Conflict]
        assert not first.ticket.stored
        assert [fact.event for fact in await store.read([stream(name)])] == [claim(name, "another")]

    async def test_a_known_key_gives_the_first_answer_again(self, store: EventStore, name: str) -> None:
        key = IdempotencyKey(name, b"\0hash", b"answer\xff")
        first = await store.append(Append([claim(name)], {stream(name): 0}, key=key))
        assert first.replayed is None
        head = await store.head()
        other = IdempotencyKey(name, b"other", b"other answer")
        for again in (Append([claim(name)], {stream(name): 0}, key=key), Append([claim(name, "x")], key=other)):
            assert await store.append(again) == Appended(first.position, first.recorded_at, replayed=key)
        assert await store.head() == head
        assert await store.recall(name) == (key, Appended(first.position, first.recorded_at, replayed=key))

    async def test_a_key_that_nobody_used_is_unknown(self, store: EventStore, name: str) -> None:
        assert await store.recall(name) is None

    async def test_a_refused_append_leaves_its_key_free(self, store: EventStore, name: str) -> None:
        key = IdempotencyKey(name, b"hash")
        with pytest.raises(Conflict):
            await store.append(Append([claim(name)], {stream(name): 3}, key=key))
        assert await store.recall(name) is None
        assert (await store.append(Append([claim(name)], {stream(name): 0}, key=key))).replayed is None

    async def test_a_key_is_kept_where_nothing_was_to_be_stored(self, store: EventStore, name: str) -> None:
        key = IdempotencyKey(name, b"hash", b"answer")
        first = await store.append(Append([], key=key))
        await store.append(Append([claim(name)]))
        assert await store.append(Append([claim(name)], key=key)) == Appended(first.position, first.recorded_at, key)

    async def test_of_two_with_one_key_at_once_one_happens(self, store: EventStore, name: str) -> None:
        one, two = IdempotencyKey(name, b"hash", b"one"), IdempotencyKey(name, b"hash", b"two")
        done = await outcomes(
            store, Append([claim(name)], key=one), Append([claim(name)], key=two), Append([claim(name + "b")])
        )
        assert [isinstance(each, Appended) and each.replayed for each in done] == [None, one, None]
        assert await store.versions([stream(name)]) == {stream(name): 1}

    async def test_of_two_with_one_key_at_once_the_second_is_no_conflict(self, store: EventStore, name: str) -> None:
        """Though the first has moved the stream that both have read."""
        key = IdempotencyKey(name, b"hash", b"answer")
        done = await outcomes(store, *[Append([claim(name)], {stream(name): 0}, key=key) for _ in range(2)])
        assert [isinstance(each, Appended) and each.replayed for each in done] == [None, key]
        assert await store.versions([stream(name)]) == {stream(name): 1}

    async def test_whoever_is_told_knows_before_those_who_wait_go_on(self, store: EventStore, name: str) -> None:
        outcomes: list[Outcome] = []
        first = asyncio.get_running_loop().create_future()

        def tell(outcome: Outcome) -> None:
            outcomes.append(outcome)
            if not first.done():
                first.set_result(None)

        for expected in (0, 1, 5, 2):
            store.send(Append([claim(name)], {stream(name): expected}), tell)
        await first
        assert [type(each) for each in outcomes] == [Appended, Appended, Conflict, Appended]
        assert await store.versions([stream(name)]) == {stream(name): 3}

    async def test_whoever_sends_something_bad_is_told(self, store: EventStore, name: str) -> None:
        told = asyncio.get_running_loop().create_future()
        store.send(Append([claim(name, "\ud800")]), told.set_result)
        assert isinstance(await told, AppendRefused)

    @pytest.mark.parametrize(
        "bad",
        [
            pytest.param(Append([claim("nul \0 in the name")]), id="NUL in a stream's name"),
            pytest.param(Append([claim("rs \x1e in the name")]), id="separator in a stream's name"),
            pytest.param(Append([claim("ok"), claim("bad", "\ud800")]), id="lone surrogate in a body"),
            pytest.param(Append([claim("bad \udfff")]), id="lone surrogate in a stream's name"),
            pytest.param(Append([claim("ok")], {"claim-\ud800": 0}), id="lone surrogate in a guard"),
            pytest.param(Append([claim("ok")], {"claim-\0": 0}), id="NUL in a guard"),
            pytest.param(Append([claim("ok")], {"claim-ok": -1}), id="a version below zero"),
            pytest.param(Append([claim("ok")], {"claim-ok": 2**31}), id="a version beyond all"),
            pytest.param(Append([claim("ok")], metadata=Metadata("\ud800")), id="lone surrogate in metadata"),
            pytest.param(Append([claim("ok")], key=IdempotencyKey("\ud800", b"")), id="lone surrogate in a key"),
            pytest.param(Append([claim("ok")], key=IdempotencyKey("\0", b"")), id="NUL in a key"),
            pytest.param(Append([weighing(math.inf)]), id="infinity in a body"),
            pytest.param(Append([weighing(math.nan)]), id="not a number in a body"),
        ],
    )
    async def test_a_bad_append_fails_alone(self, store: EventStore, name: str, bad: Append) -> None:
        head = await store.head()
        good = [Append([claim(name)], {stream(name): version}) for version in range(3)]
        done = await outcomes(store, good[0], bad, good[1], bad, good[2])
        assert [type(each) for each in done] == [Appended, AppendRefused, Appended, AppendRefused, Appended]
        recorded = await store.read_all(head, limit=100)
        assert [(fact.event, fact.version) for fact in recorded] == [(claim(name), n) for n in (1, 2, 3)]
