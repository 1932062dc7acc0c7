"""The client of a gateway that speaks HTTP and JSON as the sandbox does, and a pattern for clients of others."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec

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

TIMEOUT_S = 10.0
CONNECTIONS = 64
"""As many payments may be asked about at once."""
IDLE_S = 4.0
"""Servers hang up on those who are silent for longer, many after 5 s. A call that meets that has to be repeated."""
AUTHORIZED_FOR = timedelta(days=7)
"""Where the gateway does not say until when money stays set aside."""

_decoder = msgspec.json.Decoder(dict[str, Any])

Send = Callable[[str, str, bytes | None], Awaitable[tuple[int, bytes]]]
"""Method, path and JSON in; the status and the body of the answer out. Raises GatewayUnavailable if there is none."""


@asynccontextmanager
async def open_gateway(url: str, key: str, notify_url: str) -> AsyncIterator["HttpGateway"]:
    """`notify_url` is where its webhooks are to come. Who trusts a gateway's certificate is the system's to say."""
    base, headers = url.rstrip("/"), {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=IDLE_S),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=headers,
    ) as http:

        async def send(method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
            try:
                asking = http.request(method, base + path, data=body, allow_redirects=False)
                async with asking as answer:
                    return answer.status, await answer.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise GatewayUnavailable(str(error) or type(error).__name__) from error

        yield HttpGateway(send, notify_url)


class HttpGateway:
    """Asks by `send`."""

    def __init__(self, send: Send, notify_url: str) -> None:
        self._send, self._notify_url = send, notify_url

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
                expires_at = _moment(until) if until else datetime.now(UTC) + AUTHORIZED_FOR
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
        answer = await self._answer("GET", f"/v1/movements?since={quote(since.isoformat())}")
        return [
            Movement(
                OrderId(each["order_id"]),
                PaymentId(each["payment_id"]),
                each["kind"],
                each["id"],
                Money(each["amount"], each["currency"]),
                _moment(each["moved_at"]),
            )
            for each in answer["data"]
        ]

    async def _ask(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        return await self._answer("POST", path, msgspec.json.encode(asked))

    async def _answer(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        """A mistake of ours (4xx) is no decline either: it is asked again, and the log says why."""
        status, content = await self._send(method, path, body)
        if not 200 <= status < 300:
            raise GatewayUnavailable(f"{method} {path} was answered with {status}")
        try:
            return _decoder.decode(content)
        except ValueError as error:
            raise GatewayUnavailable(f"{method} {path} was answered with something else than JSON") from error


def _moment(text: str) -> datetime:
    """In UTC, which it is taken for if nothing is said of a zone. Raises GatewayUnavailable for what is no time."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise GatewayUnavailable(f"{text!r} was said where a time should be") from error


def _declined(answer: dict[str, Any]) -> Declined:
    """Raises GatewayUnavailable for an answer that is not final."""
    if answer["status"] != "declined":
        raise GatewayUnavailable(f"the answer is {answer['status']}")
    return Declined(answer["reason"])
