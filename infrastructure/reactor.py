"""Runs the policies of `commands.fulfilment`: reads the facts they react to and handles the commands that follow.

One worker at a time holds the lease. Reactions run side by side; the checkpoint stays behind the oldest one that is
not finished, so a crash repeats some of them, and every one of them adds nothing when repeated.
"""

import asyncio
import contextlib
import random
from datetime import UTC, datetime
from functools import partial

import structlog

from commands.decider import Ref
from commands.fulfilment import REACTS_TO, Gateway, GatewayUnavailable, react
from commands.handler import Handler
from commands.order import PAYMENT_GRACE, LapseOrder, Order, orders
from commands.rejections import Rejected
from events.order import OrderEvent
from events.store import AppendRefused, EventStore, Metadata, Recorded, StoreBusy, Unacknowledged
from events.values import OrderId
from infrastructure.database import UNREACHABLE, Pool
from infrastructure.leases import RENEW_EVERY_S, Lease, LeaseLost, Leases
from infrastructure.positions import HEAD, Positions
from infrastructure.scheduled_prices import keep_schedules
from infrastructure.watch import Watch

NAME = "fulfilment"
MAX_AT_ONCE = 64
MAX_UNDER_WAY = 10_000
"""Reactions that have not succeeded yet; most of them wait for their next try and keep no other from being made."""
PAGE_FACTS = 500
POLL_S = 1.0
LAPSE_EVERY_S = 2.0
PRICES_EVERY_S = 1.0
LONGEST_PAUSE_S = 30.0

LAPSED_ORDERS = """SELECT order_id FROM order_summary
    WHERE status = 'PENDING' AND lapses_at <= CASE payment WHEN 'REQUESTED' THEN $2::timestamptz ELSE $1 END
    ORDER BY lapses_at LIMIT 1000"""

log = structlog.get_logger(__name__)


class Reactor:
    """Any number may run in any number of processes; the one with the lease works."""

    def __init__(
        self,
        pool: Pool,
        store: EventStore,
        positions: Positions,
        handler: Handler,
        gateway: Gateway,
        *,
        owner: str,
        watch: Watch | None = None,
    ) -> None:
        self._pool, self._store, self._positions = pool, store, positions
        self._handler, self._gateway = handler, gateway
        self._leases = Leases(pool, [NAME], owner)
        self._types = [fact.__name__ for fact in REACTS_TO]
        self._watch = watch or Watch()
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._at_once = asyncio.Semaphore(MAX_AT_ONCE)
        self._read_to = 0

    async def run(self) -> None:
        """Until cancelled, whatever happens: a database that is away is waited for, a bug is logged and tried again."""
        try:
            while True:
                try:
                    await self._run()
                except LeaseLost:
                    log.warning("lease_lost", projections=NAME)
                except UNREACHABLE as error:
                    log.warning("reactor_interrupted", error=str(error))
                except Exception:
                    log.exception("reactor_interrupted")
                await self._drop_reactions()
                self._leases.give_up()
                await asyncio.sleep(POLL_S)
        finally:
            await self._drop_reactions()
            with contextlib.suppress(Exception):
                async with asyncio.timeout(2):
                    await self._leases.release()

    async def _run(self) -> None:
        await self._leases.prepare()
        loop = asyncio.get_running_loop()
        while NAME not in self._leases.held:
            await self._leases.take()
            if NAME not in self._leases.held:
                await asyncio.sleep(POLL_S)
        lease = self._leases.held[NAME]
        self._read_to = lease.position
        renew_at = lapse_at = prices_at = 0.0
        while True:
            if loop.time() >= renew_at:
                await self._leases.take()
                if self._leases.held.get(NAME) is not lease:
                    raise LeaseLost(NAME)
                renew_at = loop.time() + RENEW_EVERY_S
            if loop.time() >= lapse_at:
                await self._lapse()
                lapse_at = loop.time() + LAPSE_EVERY_S
            if loop.time() >= prices_at:
                await keep_schedules(self._pool, self._handler, f"system:{NAME}")
                prices_at = loop.time() + PRICES_EVERY_S
            await self._read_on()
            await self._checkpoint(lease)
            if not await self._positions.reach(HEAD, self._read_to + 1, POLL_S):
                await self._store.head()

    async def _read_on(self) -> None:
        """Start reactions to new facts, as far as there is room."""
        head = await self._store.head()
        while self._read_to < head and (room := min(PAGE_FACTS, MAX_UNDER_WAY - len(self._under_way))) > 0:
            facts = await self._store.read_all(self._read_to, limit=room, types=self._types)
            for fact in facts:
                task = self._under_way[fact.position] = asyncio.create_task(self._watched(fact))
                task.add_done_callback(partial(self._done, fact.position))
            newest = facts[-1].position if facts else 0
            self._read_to = newest if len(facts) == room else max(head, newest)

    def _done(self, position: int, task: "asyncio.Task[None]") -> None:
        if self._under_way.get(position) is task:
            del self._under_way[position]

    async def _checkpoint(self, lease: Lease) -> None:
        reached = min(self._under_way, default=self._read_to + 1) - 1
        if reached > lease.position:
            async with self._pool.acquire() as connection, connection.transaction():
                await self._leases.advance(connection, [lease], reached)
            lease.position = reached

    async def _watched(self, fact: Recorded) -> None:
        async with self._watch.reaction(fact):
            await self._react(fact)

    async def _react(self, fact: Recorded) -> None:
        """Until it is done: money must not be forgotten because a gateway was away for a while."""
        event: OrderEvent = fact.event  # type: ignore[assignment]
        order_ref: Ref[Order] = orders(event.order_id)
        pause = 0.1
        while True:
            try:
                async with self._at_once:
                    command = await react(event, await self._handler.read(order_ref), self._gateway)
                    if command is not None:
                        await self._handler(command, metadata=self._caused_by(fact, type(command).__name__))
                return
            except (GatewayUnavailable, StoreBusy, Unacknowledged, *UNREACHABLE) as error:
                log.warning("reaction_delayed", position=fact.position, order=event.order_id, error=str(error))
            except Rejected as refusal:
                log.error("reaction_refused", position=fact.position, order=event.order_id, error=refusal.detail)
                return
            except Exception:
                log.exception("reaction_failed", position=fact.position, order=event.order_id)
            await asyncio.sleep(pause * (0.5 + random.random()))
            pause = min(LONGEST_PAUSE_S, pause * 2)

    async def _lapse(self) -> None:
        """Give back what is reserved for orders that nobody has paid in time."""
        now = datetime.now(UTC)
        for row in await self._pool.fetch(LAPSED_ORDERS, now, now - PAYMENT_GRACE):
            with contextlib.suppress(StoreBusy, Unacknowledged, AppendRefused, Rejected):
                metadata = Metadata(f"system:{NAME}", "LapseOrder")
                await self._handler(LapseOrder(OrderId(row["order_id"]), now), metadata=metadata)

    async def _drop_reactions(self) -> None:
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._under_way = {}

    def _caused_by(self, fact: Recorded, command: str) -> Metadata:
        origin = fact.metadata
        return Metadata(
            f"system:{NAME}",
            command,
            origin.correlation_id,
            str(fact.id),
            origin.request_id,
            self._watch.traceparent(origin.traceparent),
        )
