"""The sandbox gateway without a socket: counts what it is asked, and can be held up, made to fail, or cut off."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import httpx

from commands.gateway import (
    ActionRequired,
    Authorized,
    Captured,
    Declined,
    GatewayUnavailable,
    Movement,
    Refunded,
    Voided,
)
from events.values import CaptureId, Money, OrderId, PaymentId, RefundId
from infrastructure.http_gateway import HttpGateway
from infrastructure.sandbox.bank import Bank
from infrastructure.sandbox.ledger import Ledger
from infrastructure.sandbox.server import app_of

A = TypeVar("A")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def _go_on() -> None:
    pass


class Till:
    """`failures` is how many more calls get no answer; `lost` how many more are done, and then their answer is lost."""

    def __init__(self, file: Path | str = ":memory:", *, failures: int = 0, lost: int = 0) -> None:
        self.bank = Bank(Ledger(file), late_s=0)
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app_of(self.bank, "http://bank.test")),
            base_url="http://bank.test",
            headers={"Authorization": "Bearer till"},
        )
        self._gateway = HttpGateway(self._send, "")
        self.failures, self.lost = failures, lost
        self.step: Callable[[], Awaitable[None]] = _go_on
        """Awaited before and after the sandbox does anything."""
        self.asked: list[tuple[str, str]] = []
        self.open = asyncio.Event()
        self.open.set()

    async def authorize(
        self, order_id: OrderId, payment_id: PaymentId, amount: Money, method: str, *, capture: bool
    ) -> Authorized | Captured | ActionRequired | Declined:
        asking = self._gateway.authorize(order_id, payment_id, amount, method, capture=capture)
        return await self._through("authorize", payment_id, asking)

    async def capture(self, payment_id: PaymentId, capture_id: CaptureId, amount: Money) -> Captured | Declined:
        return await self._through("capture", capture_id, self._gateway.capture(payment_id, capture_id, amount))

    async def void(self, payment_id: PaymentId) -> Voided | Captured:
        return await self._through("void", payment_id, self._gateway.void(payment_id))

    async def refund(self, payment_id: PaymentId, refund_id: RefundId, amount: Money) -> Refunded | Declined:
        return await self._through("refund", refund_id, self._gateway.refund(payment_id, refund_id, amount))

    async def movements(self, since: datetime) -> Sequence[Movement]:
        return await self._gateway.movements(since)

    async def moved(self, order_id: OrderId) -> list[tuple[str, int]]:
        """What the sandbox took and gave back for an order."""
        return [(each.kind, each.amount.amount) for each in await self.movements(EPOCH) if each.order_id == order_id]

    async def _send(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        answer = await self._http.request(method, path, content=body)
        return answer.status_code, answer.content

    async def _through(self, what: str, id_: str, asking: Awaitable[A]) -> A:
        self.asked.append((what, id_))
        try:
            await self.open.wait()
            await self.step()
            if self.failures:
                self.failures -= 1
                raise GatewayUnavailable("away")
        except BaseException:
            asking.close()  # type: ignore[attr-defined]
            raise
        answer = await asking
        await self.step()
        if self.lost:
            self.lost -= 1
            raise GatewayUnavailable("the answer was lost")
        return answer
