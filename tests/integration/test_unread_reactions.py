"""A policy that meets a fact it cannot read: it stands still, says why, and lets a worker go on that can read it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from commands import Command
from commands.handler import Handler
from commands.policy import Policy
from events.stock import StockReceived
from events.store import Append, Recorded
from events.values import Sku
from infrastructure import leases
from infrastructure.codec import UnknownFact
from infrastructure.committer import Committer
from infrastructure.database import Pool, connect, open_pool
from infrastructure.event_store import PostgresEventStore
from infrastructure.leases import Leases
from infrastructure.positions import HEAD, Positions
from infrastructure.reactor import Reactor
from queries.projection import ProjectionState, projections
from tests.waiting import PATIENCE_S, eventually

LEASE_S = 600.0
"""It does not run out here: whoever takes it was let have it."""


class OlderStore(PostgresEventStore):
    """Of a build that does not know what is in the book."""

    async def read_all(self, *_: Any, **__: Any) -> Sequence[Recorded]:
        raise UnknownFact("StockReceived", 2)


class Shift:
    def __init__(self, pool: Pool, committer: Committer, positions: Positions) -> None:
        self.pool, self.positions, self.reacted = pool, positions, asyncio.Event()
        self.store = PostgresEventStore(pool, committer, positions)
        self.older = OlderStore(pool, committer, positions)

    async def react(self, _: Recorded, __: Handler) -> Sequence[Command]:
        self.reacted.set()
        return ()

    @asynccontextmanager
    async def working(self, store: PostgresEventStore, owner: str) -> AsyncIterator[None]:
        policy = Policy("fulfilment", (StockReceived,), self.react)
        reactor = Reactor(self.pool, store, self.positions, Handler(store), policy, owner=owner)
        task = asyncio.create_task(reactor.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def state(self) -> ProjectionState:
        await Leases(self.pool, ["fulfilment"], "test").prepare()  # none of the workers may have begun
        return next(each for each in await projections(self.pool) if each.name == "fulfilment")


@pytest.fixture
async def shift(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shift]:
    monkeypatch.setattr(leases, "LEASE_S", LEASE_S)
    positions = Positions()
    async with (
        open_pool(database_url, 4) as pool,
        Committer(lambda: connect(database_url), lambda head: positions.advance(HEAD, head)) as committer,
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
