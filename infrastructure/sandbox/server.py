"""The sandbox over HTTP: what a shop asks, where a shopper confirms, and the webhooks that it sends."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import structlog
import uvicorn
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from infrastructure.listening import KEEP_ALIVE_S, open_listener
from infrastructure.sandbox.bank import Bank, Refusal
from infrastructure.sandbox.ledger import Ledger, Row
from infrastructure.sandbox.page import no_page, page

FILE = "sandbox-gateway.sqlite3"
LOOK_EVERY_S = 0.1
AGAIN_AFTER_S = 1.0
WEBHOOK_TIMEOUT_S = 5.0

log = structlog.get_logger("daybook.sandbox")


def app_of(bank: Bank, public_url: str) -> Starlette:
    """`public_url` is where shoppers reach it."""

    def answering(answer: Callable[[Request, str], Awaitable[Row]]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            account = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not account:
                return JSONResponse({"reason": "send your key as a bearer token"}, 401)
            try:
                return JSONResponse(_shown(await answer(request, account), public_url))
            except Refusal as refusal:
                return JSONResponse({"reason": refusal.reason}, refusal.status)
            except (KeyError, ValueError, TypeError) as error:
                return JSONResponse({"reason": f"the request is not understood: {error}"}, 422)

        return endpoint

    @answering
    async def authorize(request: Request, account: str) -> Row:
        return bank.authorize(account, await request.json())

    @answering
    async def capture(request: Request, account: str) -> Row:
        body = await request.json()
        return bank.capture(account, request.path_params["payment_id"], body["capture_id"], body["amount"])

    @answering
    async def void(request: Request, account: str) -> Row:
        return bank.void(account, request.path_params["payment_id"])

    @answering
    async def refund(request: Request, account: str) -> Row:
        body = await request.json()
        return bank.refund(account, request.path_params["payment_id"], body["refund_id"], body["amount"])

    @answering
    async def movements(request: Request, account: str) -> Row:
        since = datetime.fromisoformat(request.query_params["since"]).timestamp()
        found = bank.movements(account, since)
        return {"data": [{**each, "moved_at": _time(each["moved_at"])} for each in found]}

    async def confirm(request: Request) -> Response:
        reference = request.path_params["reference"]
        try:
            if request.method == "POST":
                approved = request.query_params.get("answer") == "approve"
                payment = bank.confirm(reference, approved=approved)
            else:
                payment = bank.by_reference(reference)
        except Refusal as refusal:
            return HTMLResponse(no_page(f"{refusal.reason.capitalize()}."), refusal.status)
        return HTMLResponse(page(payment))

    return Starlette(
        routes=[
            Route("/v1/payments", authorize, methods=["POST"]),
            Route("/v1/payments/{payment_id}/captures", capture, methods=["POST"]),
            Route("/v1/payments/{payment_id}/void", void, methods=["POST"]),
            Route("/v1/payments/{payment_id}/refunds", refund, methods=["POST"]),
            Route("/v1/movements", movements),
            Route("/confirm/{reference}", confirm, methods=["GET", "POST"]),
        ]
    )


async def deliver(bank: Bank, secret: str, http: aiohttp.ClientSession) -> None:
    """Until cancelled: keep promises and send webhooks, each until it is taken."""
    signer, under_way = Webhook(secret), set[asyncio.Task[None]]()
    while True:
        bank.keep_promises()
        while webhook := bank.ledger.take_webhook(AGAIN_AFTER_S):
            payment = bank.ledger.find(webhook["account"], webhook["payment_id"]) or {}
            task = asyncio.create_task(_sent(bank, {**payment, **webhook}, signer, http))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.sleep(LOOK_EVERY_S)


async def _sent(bank: Bank, webhook: Row, signer: Webhook, http: aiohttp.ClientSession) -> None:
    sent_at = datetime.now(UTC)
    movement = "refund_id" if webhook["type"].startswith("refund") else "capture_id"
    data = {
        **{name: webhook[name] for name in ("order_id", "payment_id", "amount", "currency", "reference", "reason")},
        "expires_at": _time(webhook["expires_at"]),
        movement: webhook["movement_id"],
    }
    body = json.dumps({"type": webhook["type"], "data": data})
    headers = {
        "Content-Type": "application/json",
        "webhook-id": webhook["event_id"],
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": signer.sign(webhook["event_id"], sent_at, body),
    }
    try:
        async with http.post(webhook["url"], data=body, headers=headers, allow_redirects=False) as answer:
            taken = 200 <= answer.status < 300
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("webhook_not_taken", webhook=webhook["event_id"], error=str(error) or type(error).__name__)
        return
    if taken:
        bank.ledger.delivered(webhook["id"])


@asynccontextmanager
async def sandbox_served(data_dir: Path, secret: str, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve it in this event loop, on a free port unless one is named; gives its URL. Raises OSError."""
    ledger = Ledger(data_dir / FILE)
    with open_listener(host, port, or_next=False) as listener:
        url = "http://{}:{}".format(*listener.getsockname()[:2])
        bank = Bank(ledger)
        config = uvicorn.Config(
            app_of(bank, url),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        server = _Server(config)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WEBHOOK_TIMEOUT_S)) as http:
            tasks = [asyncio.create_task(server.serve(sockets=[listener]))]
            tasks.append(asyncio.create_task(deliver(bank, secret, http)))
            try:
                yield url
            finally:
                server.should_exit = True
                tasks[1].cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                ledger.close()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Whoever serves it decides when it ends."""
        yield


def _shown(payment: Row, public_url: str) -> Row:
    hidden = {"account", "notify_url", "method"}
    shown = {name: value for name, value in payment.items() if name not in hidden}
    if payment.get("status") == "action_required":
        shown["url"] = f"{public_url}/confirm/{payment['reference']}"
    if "expires_at" in payment:
        shown["expires_at"] = _time(payment["expires_at"])
    return shown


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
