"""The client of a gateway that speaks HTTP and JSON as the sandbox does, and a pattern for clients of others."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

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

TIMEOUTS = {"timeout": httpx.Timeout(10.0).as_dict()}
CONNECTIONS = 8
"""What is asked at once. More wait for their turn outside of httpx, whose pool looks through all of them every time."""
AUTHORIZED_FOR = timedelta(days=7)
"""Where the gateway does not say until when money stays set aside."""


@asynccontextmanager
async def open_gateway(url: str, key: str, notify_url: str) -> AsyncIterator["HttpGateway"]:
    """`notify_url` is where its webhooks are to come."""
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx.AsyncHTTPTransport(limits=limits) as transport:
        yield HttpGateway(transport, url, key, notify_url)


class HttpGateway:
    """Asks the transport itself: redirects and cookies, which httpx's client would see to, take it longer than all."""

    def __init__(self, transport: httpx.AsyncBaseTransport, url: str, key: str, notify_url: str) -> None:
        self._transport, self._url, self._notify_url = transport, url.rstrip("/"), notify_url
        self._headers = {"Authorization": f"Bearer {key}", "Host": urlsplit(url).netloc}
        self._at_once = asyncio.Semaphore(CONNECTIONS)

    async def authorize(
        self, order_id: OrderId, payment_id: PaymentId, amount: Money, method: str, *, capture: bool
    ) -> Authorized | Captured | ActionRequired | Declined:
        asked = {
            "order_id": order_id,
            "payment_id": payment_id,
            "amount": amount.amount,
            "currency": amount.currency,
            "method": method,
            "capture": capture,
            "notify_url": self._notify_url,
        }
        answer = await self._ask("/v1/payments", asked)
        match answer["status"]:
            case "captured":
                return Captured(answer["reference"], amount)
            case "authorized":
                until = answer.get("expires_at")
                expires_at = datetime.fromisoformat(until) if until else datetime.now(UTC) + AUTHORIZED_FOR
                if not capture:
                    return Authorized(answer["reference"], expires_at)
            case "action_required":
                return ActionRequired(answer["url"])
            case "declined" | "voided":
                return Declined(answer["reason"] or "voided")
        raise GatewayUnavailable(f"payment {payment_id} is {answer['status']}")

    async def capture(self, payment_id: PaymentId, capture_id: CaptureId, amount: Money) -> Captured | Declined:
        asked = {"capture_id": capture_id, "amount": amount.amount}
        answer = await self._ask(f"/v1/payments/{payment_id}/captures", asked)
        return Captured(answer["reference"], amount) if answer["status"] == "captured" else _declined(answer)

    async def void(self, payment_id: PaymentId) -> Voided | Captured:
        answer = await self._ask(f"/v1/payments/{payment_id}/void", {})
        if answer["status"] == "captured":
            return Captured(answer["reference"], Money(answer["amount"], answer["currency"]))
        return Voided()

    async def refund(self, payment_id: PaymentId, refund_id: RefundId, amount: Money) -> Refunded | Declined:
        asked = {"refund_id": refund_id, "amount": amount.amount}
        answer = await self._ask(f"/v1/payments/{payment_id}/refunds", asked)
        return Refunded(answer["reference"]) if answer["status"] == "refunded" else _declined(answer)

    async def movements(self, since: datetime) -> Sequence[Movement]:
        answer = await self._answer("GET", "/v1/movements", params={"since": since.isoformat()})
        return [
            Movement(
                OrderId(each["order_id"]),
                PaymentId(each["payment_id"]),
                each["kind"],
                each["id"],
                Money(each["amount"], each["currency"]),
                datetime.fromisoformat(each["moved_at"]),
            )
            for each in answer["data"]
        ]

    async def _ask(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        return await self._answer("POST", path, json=asked)

    async def _answer(self, method: str, path: str, **sent: Any) -> dict[str, Any]:
        """A mistake of ours (4xx) is no decline either: it is asked again, and the log says why."""
        asking = httpx.Request(method, self._url + path, headers=self._headers, extensions=TIMEOUTS, **sent)
        try:
            async with self._at_once:
                answer = await self._transport.handle_async_request(asking)
                await answer.aread()
            answer.request = asking
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise GatewayUnavailable(str(error) or type(error).__name__) from error
        return found


def _declined(answer: dict[str, Any]) -> Declined:
    """Raises GatewayUnavailable for an answer that is not final."""
    if answer["status"] != "declined":
        raise GatewayUnavailable(f"the answer is {answer['status']}")
    return Declined(answer["reason"])
