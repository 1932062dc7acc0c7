"""The sandbox as a process of its own: it forgets nothing when it is killed."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from commands.gateway import GatewayUnavailable
from events.values import PaymentId
from infrastructure.http_gateway import open_gateway
from tests.e2e.service import running, serving
from tests.kinds import EMBEDDED_ALONE
from tests.sandbox import WEBHOOK_SECRET
from tests.waiting import PATIENCE_S

KEY = {"Authorization": "Bearer us"}


def payment(payment_id: str) -> dict[str, Any]:
    said = {"order_id": "ord_1", "payment_id": payment_id, "amount": 5, "currency": "EUR", "method": "tok_approve"}
    return {**said, "capture": True, "notify_url": ""}


async def test_it_is_killed_and_forgets_nothing(tmp_path: Path) -> None:
    environment = {"DAYBOOK_DATA_DIR": str(tmp_path), "DAYBOOK_WEBHOOK_SECRET": WEBHOOK_SECRET}
    dev = {**environment, "DAYBOOK_MODE": "development", "DAYBOOK_LOG_FORMAT": "json"}
    answers = []
    for _ in range(2):
        with running("sandbox-gateway", "--port", "0", logs=tmp_path, **dev) as sandbox:
            async with httpx.AsyncClient(base_url=sandbox.url, headers=KEY, timeout=PATIENCE_S) as http:
                answers.append((await http.post("/v1/payments", json=payment("pay_1"))).json())
                moved = (await http.get("/v1/movements", params={"since": "2026-01-01T00:00:00+00:00"})).json()["data"]
            sandbox.kill()
    assert answers[0] == answers[1]
    assert [(each["kind"], each["amount"]) for each in moved] == [("capture", 5)]


async def test_whoever_has_no_key_or_makes_no_sense_is_told_so(tmp_path: Path) -> None:
    dev = {"DAYBOOK_MODE": "development", "DAYBOOK_LOG_FORMAT": "json", "DAYBOOK_DATA_DIR": str(tmp_path)}
    with running("sandbox-gateway", "--port", "0", logs=tmp_path, **dev) as sandbox:
        async with httpx.AsyncClient(base_url=sandbox.url, timeout=PATIENCE_S) as http:
            assert (await http.post("/v1/payments", json=payment("pay_1"))).status_code == 401
            for nonsense in (b"", b"[]", b'{"amount": 1}', b"\xff"):
                answer = await http.post("/v1/payments", content=nonsense, headers=KEY)
                assert answer.status_code == 422, answer.text
            assert (await http.post("/v1/payments/nobody/refunds", json={}, headers=KEY)).status_code == 422
            assert (await http.get("/confirm/nobody")).status_code == 404
        assert sandbox.stop() == 0


@EMBEDDED_ALONE
async def test_a_service_that_runs_no_workers_needs_no_gateway(
    own_database_url: str, redis_url: str, tmp_path: Path
) -> None:
    urls = {"DATABASE_URL": own_database_url, "REDIS_URL": redis_url, "DAYBOOK_DATA_DIR": str(tmp_path)}
    with serving("--no-workers-in-process", logs=tmp_path, DAYBOOK_GATEWAY_URL="", **urls) as service:
        assert httpx.get(f"{service.url}/health/live", timeout=PATIENCE_S).status_code == 200


async def test_a_client_that_reaches_nobody_says_so() -> None:
    async with open_gateway("http://127.0.0.1:9", "us", "") as gateway:
        with pytest.raises(GatewayUnavailable):
            await gateway.void(PaymentId("pay_1"))
