"""The gateway's client against a server that answers badly, or not at all: what is no clear answer is none."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
import pytest

from commands.gateway import Authorized, Captured, GatewayUnavailable, Voided
from events.values import Money, OrderId, PaymentId
from infrastructure import http_gateway
from infrastructure.http_gateway import HttpGateway, open_gateway

CAPTURED = b'{"status": "captured", "reference": "ref", "amount": 5, "currency": "EUR"}'
Answer = Callable[[bytes], bytes | None]


def answered(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


@asynccontextmanager
async def served(answer: Answer) -> AsyncIterator[str]:
    """`answer` is given each request; None hangs up."""
    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                if (said := answer(head + await reader.readexactly(length))) is None:
                    break
                writer.write(said)
        with contextlib.suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield "http://{}:{}".format(*server.sockets[0].getsockname())
        await asyncio.gather(*filter(None, serving))  # the client has gone


@pytest.mark.parametrize(
    "said",
    [
        answered(b'{"status": "captured"}', "500 Internal Server Error"),
        answered(b'{"status": "captured"}', "302 Found", "Location: /elsewhere\r\n"),
        answered(b'{"reason": "what?"}', "422 Unprocessable Content"),
        answered(b"<html>a proxy was here</html>"),
        answered(b"\xff"),
        answered(b"[]"),
        answered(b""),
        b"SMTP ready\r\n\r\n",
        None,
    ],
)
async def test_what_is_no_clear_answer_is_none(said: bytes | None) -> None:
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes | None:
        asked.append(request)
        return said

    async with served(answer) as url, open_gateway(url, "us", "") as gateway:
        with pytest.raises(GatewayUnavailable):
            await gateway.void(PaymentId("pay_1"))
        assert len(asked) == 1  # it is the policy that asks again, later


async def test_a_silent_gateway_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_gateway, "TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:  # nobody accepts
        url = "http://{}:{}".format(*listener.getsockname())
        async with open_gateway(url, "us", "") as gateway:
            with pytest.raises(GatewayUnavailable):
                await gateway.void(PaymentId("pay_1"))


async def test_who_asks_and_what_for_is_said_on_one_connection() -> None:
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes:
        asked.append(request)
        return answered(CAPTURED)

    async with served(answer) as url, open_gateway(f"{url}/", "us", "http://shop/hook") as gateway:
        order, payment, amount = OrderId("ord_1"), PaymentId("pay_1"), Money(5, "EUR")
        taken = await gateway.authorize(order, payment, amount, "tok_approve", capture=True)
        assert taken == Captured("ref", amount)
        assert await gateway.void(payment) == Captured("ref", amount)
    authorize, void = asked
    assert authorize.startswith(b"POST /v1/payments HTTP/1.1\r\n")
    assert void.startswith(b"POST /v1/payments/pay_1/void HTTP/1.1\r\n")
    for each in asked:
        assert b"\r\nAuthorization: Bearer us\r\n" in each
        assert b"\r\nContent-Type: application/json\r\n" in each
    assert b'"notify_url":"http://shop/hook"' in authorize


@pytest.mark.parametrize(
    ("said", "until"),
    [
        ("2026-05-01T12:00:00-05:00", datetime(2026, 5, 1, 17, tzinfo=UTC)),
        ("2026-05-01T12:00:00", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("9999-12-31T23:59:59-05:00", None),
        ("soon", None),
    ],
)
async def test_until_when_money_is_set_aside_is_a_time_in_utc(said: str, until: datetime | None) -> None:
    async def send(method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        return 200, msgspec.json.encode({"status": "authorized", "reference": "ref", "expires_at": said})

    gateway = HttpGateway(send, "")
    authorized = gateway.authorize(OrderId("ord_1"), PaymentId("pay_1"), Money(5, "EUR"), "tok", capture=False)
    if until is None:
        with pytest.raises(GatewayUnavailable):
            await authorized
    else:
        assert await authorized == Authorized("ref", until)


async def test_answers_that_are_many_at_once_do_not_get_mixed_up() -> None:
    def answer(request: bytes) -> bytes:
        number = request.partition(b"pay_")[2].partition(b"/")[0]
        if int(number) % 2:
            return answered(b'{"status": "voided"}')
        return answered(CAPTURED.replace(b'"ref"', b'"' + number + b'"'))

    async with served(answer) as url, open_gateway(url, "us", "") as gateway:
        found = await asyncio.gather(*(gateway.void(PaymentId(f"pay_{number}")) for number in range(200)))
    expected = [Voided() if number % 2 else Captured(str(number), Money(5, "EUR")) for number in range(200)]
    assert found == expected
