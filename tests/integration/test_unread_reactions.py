"""A policy that meets a fact it cannot read: it stands still, says why, and lets a worker go on that can read it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from commands import Command
from commands.handler import Handler
from commands.policy import Policy
from events.stock import StockReceived
from events.store import Append, Recorded
from events.values import Sku
from infrastructure import leases, reactor
from infrastructure.codec import UnknownFact
from infrastructure.committer import Committer
from infrastructure.database import Pool, connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.leases import Leases
from infrastructure.positions import HEAD, Positions
from infrastructure.reactor import POLL_S, Reactor
from queries.projection import ProjectionState, projections
from tests.waiting import PATIENCE_S, eventually

React = Callable[[Recorded, Handler], Awaitable[Sequence[Command]]]
LEASE_S = 600.0
"""It does not run out here: whoever takes it was let have it."""


class OlderStore(PostgresEventStore):
    """Of a build that does not know what is in the book."""

    async def read_all(self, *_: Any, **__: Any) -> Sequence[Recorded]:
        raise UnknownFact("StockReceived", 2)


class HalfOlderStore(PostgresEventStore):
    """Of a build that does not know one of the facts."""

    def _recorded(self, row: Any) -> Recorded:
        if '"NEWER"' in row["body"]:
            raise UnknownFact("StockReceived", 2)
        return super()._recorded(row)


class Shift:
    def __init__(self, pool: Pool, committer: Committer, positions: Positions) -> None:
        self.pool, self.committer, self.positions, self.reacted = pool, committer, positions, asyncio.Event()
        self.store = PostgresEventStore(pool, committer, positions)
        self.older = OlderStore(pool, committer, positions)

    async def react(self, _: Recorded, __: Handler) -> Sequence[Command]:
        self.reacted.set()
        return ()

    @asynccontextmanager
    async def working(self, store: PostgresEventStore, owner: str, react: React | None = None) -> AsyncIterator[None]:
        policy = Policy("fulfilment", (StockReceived,), react or self.react)
        one = Reactor(self.pool, store, self.positions, Handler(store), policy, owner=owner)
        task = asyncio.create_task(one.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def state(self) -> ProjectionState:
        await Leases(self.pool, ["fulfilment"], "test").prepare()  # none of the workers may have begun
        return next(each for each in await projections(self.pool) if each.name == "fulfilment")


@pytest.fixture
async def shift(own_database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shift]:
    monkeypatch.setattr(leases, "LEASE_S", LEASE_S)
    positions = Positions()
    async with (
        open_pool(own_database_url, 4) as pool,
        Committer(lambda: connect(own_database_url), lambda head: positions.advance(HEAD, head)) as committer,
    ):
        yield Shift(pool, committer, positions)


async def test_a_fact_that_a_policy_cannot_read_is_said_and_left_to_a_worker_that_can(shift: Shift) -> None:
    await shift.store.append(Append([StockReceived(Sku("A"), 1)]))
    async with shift.working(shift.older, "older"):

        async def told() -> bool:
            state = await shift.state()
            return state.troubled and "StockReceived v2 is not known" in (state.last_error or "")

        await eventually(told)
        async with shift.working(shift.store, "newer"):
            await asyncio.wait_for(shift.reacted.wait(), PATIENCE_S)

            async def mended() -> bool:
                state = await shift.state()
                return (state.position, state.last_error, state.eta_s) == (state.head, None, 0)

            await eventually(mended)
            assert (await shift.state()).facts_per_s > 0
    await shift.pool.execute("UPDATE projections SET facts_per_s = 0")
    assert (await shift.state()).eta_s == 0, "what stands at the head is there, whatever its rate"


async def test_what_comes_before_a_fact_that_a_policy_cannot_read_is_done_once_and_to_its_end(shift: Shift) -> None:
    before = [StockReceived(Sku(f"B{n}"), 1) for n in range(20)]
    began: list[int] = []
    ended: list[int] = []
    gateway = asyncio.Event()

    async def react(fact: Recorded, _: Handler) -> Sequence[Command]:
        began.append(fact.position)
        await gateway.wait()
        ended.append(fact.position)
        return ()

    async def under_way() -> bool:
        return len(began) == len(before)

    async def told() -> bool:
        return "is not known" in ((await shift.state()).last_error or "")

    older = HalfOlderStore(shift.pool, shift.committer, shift.positions)
    await shift.store.append(Append([*before, StockReceived(Sku("NEWER"), 1), StockReceived(Sku("C"), 1)]))
    async with shift.working(older, "older", react):
        await eventually(under_way)
        await asyncio.sleep(POLL_S * 2)  # time to begin again, if it were to
        gateway.set()
        await eventually(told)
        await asyncio.sleep(POLL_S * 2)
        assert sorted(began) == sorted(ended) == list(range(1, 21))
        state = await shift.state()
        assert state.position == 20
        assert state.facts_per_s < 20 / POLL_S, "the time they took counts"
        async with shift.working(shift.store, "newer", react):
            await eventually(lambda: reached(ended, 22))
    assert sorted(ended) == list(range(1, 23))


async def test_a_reaction_that_does_not_end_keeps_no_newer_worker_from_going_on(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reactor, "LAST_REACTIONS_S", 0.3)
    ended: list[int] = []
    stuck, never = asyncio.Event(), asyncio.Event()

    async def react(fact: Recorded, _: Handler) -> Sequence[Command]:
        if fact.position == 1:
            stuck.set()
            await never.wait()
        ended.append(fact.position)
        return ()

    older = HalfOlderStore(shift.pool, shift.committer, shift.positions)
    await shift.store.append(Append([StockReceived(Sku(sku), 1) for sku in ("STUCK", "NEWER")]))
    async with shift.working(older, "older", react):
        await asyncio.wait_for(stuck.wait(), PATIENCE_S)
        async with shift.working(shift.store, "newer", react):
            await eventually(lambda: reached(ended, 2))


async def reached(positions: list[int], position: int) -> bool:
    return position in positions
