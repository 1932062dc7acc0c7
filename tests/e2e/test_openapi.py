"""Whatever is asked by whomever: no 500, and no answer that the OpenAPI document does not know (schemathesis).

`OPENAPI_EXAMPLES` says how many requests each operation gets; `make soak` asks for many more than `make test`.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi import adapter as _adapter  # noqa: F401 (now, while no other thread reads sources)
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from infrastructure.ids import new_id
from tests.e2e.service import Service, authorization, serving
from tests.kinds import EMBEDDED_ALONE
from tests.waiting import PATIENCE_S

pytestmark = EMBEDDED_ALONE

EXAMPLES = int(os.environ.get("OPENAPI_EXAMPLES", "8"))
TOLD_ANSWERS, TOLD_CHARACTERS = 40, 1_000
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
PASSWORD = "correct horse 9"
LIMITS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="OPENAPI_EXAMPLES" not in os.environ,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Visitors:
    """A service with something in it, and people of every role; whatever they ask for may be there."""

    def __init__(self, service: Service, http: httpx.Client, session: requests.Session) -> None:
        self.url, self.http, self.session = service.url, http, session
        self.headers: dict[str, dict[str, str]] = {"anonymous": {}}
        for role in ("customer", "staff", "admin"):
            email = f"{secrets.token_hex(6)}@example.com"
            user = self._post("/v1/auth/register", {"email": email, "password": PASSWORD}, {})
            self.headers[role] = authorization(user["user_id"], "customer", *({role} - {"customer"}))
        self.known = self._filled()

    def _filled(self) -> dict[str, list[str]]:
        """What stands in paths, by the name of the parameter."""
        staff, customer = self.headers["staff"], self.headers["customer"]
        category = self._post("/v1/categories", {"slug": "mugs", "name": "Mugs"}, staff)["id"]
        mug = {"slug": "mug", "name": "Mug", "category_id": category}
        product = self._post("/v1/products", mug, staff)["id"]
        variant = {"sku": "MUG-S", "price": {"amount": 1_999, "currency": "USD"}}
        self._post(f"/v1/products/{product}/variants", variant, staff)
        self._post(f"/v1/products/{product}/publish", {}, staff)
        self._post("/v1/stock/MUG-S/receipts", {"quantity": 1_000}, staff)
        self._post("/v1/coupons", {"code": "SPRING", "kind": "percent", "percent_bp": 1_000}, staff)
        orders = []
        for _ in range(3):
            self._post("/v1/cart/lines", {"sku": "MUG-S"}, customer)
            orders.append(self._post("/v1/orders", {}, customer)["order_id"])
        return {
            "sku": ["MUG-S"],
            "product_id": [product],
            "category_id": [category],
            "order_id": orders,
            "id_or_slug": [product, "mug", category, "mugs"],
            "location": ["main", "attic"],
            "code": ["SPRING"],
            "country": ["DE"],
            "zone_id": ["eu"],
            "stream": [f"order-{orders[0]}", "stock-MUG-S@main"],
            "name": ["cart", "order_summary"],
        }

    def _post(self, path: str, body: Any, headers: dict[str, str]) -> Any:
        answer = self.http.post(path, json=body, headers={**headers, "Idempotency-Key": secrets.token_hex(8)})
        assert answer.is_success, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def visitors(database_url: str, redis_url: str, key_prefix: str, tmp_path_factory: Any) -> Iterator[Visitors]:
    logs: Path = tmp_path_factory.mktemp("openapi")
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DAYBOOK_KEY_PREFIX": key_prefix,
        "DAYBOOK_DATA_DIR": str(logs),
    }
    with (
        serving(logs=logs, **environment) as service,
        httpx.Client(base_url=service.url, timeout=PATIENCE_S) as http,
        requests.Session() as session,
    ):
        yield Visitors(service, http, session)


def _operations(visitors: Visitors) -> Iterator[Any]:
    schema = schemathesis.openapi.from_url(f"{visitors.url}/openapi.json", timeout=PATIENCE_S)
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        yield result.ok()


async def test_no_request_gets_an_answer_that_is_not_documented(visitors: Visitors) -> None:
    found: list[str] = []
    asked = 0
    for operation in _operations(visitors):
        answers = _asked(visitors, operation, found)
        asked += answers
        assert answers, f"{operation.label} was never asked"
    assert asked >= EXAMPLES
    assert not found, f"{len(found)} answers are not as documented:\n" + "\n\n".join(
        each[:1_000] for each in sorted(set(found))[:40]
    )


def _asked(visitors: Visitors, operation: Any, found: list[str]) -> int:
    """How many requests there were; what is wrong with their answers goes into `found`."""
    asked = 0
    cases = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @LIMITS
    @given(case=cases, role=st.sampled_from(list(visitors.headers)), known=st.integers(0, 3), key=st.uuids())
    def ask(case: Any, role: str, known: int, key: Any) -> None:
        nonlocal asked
        asked += 1
        if known:
            for name, values in visitors.known.items():
                if name in case.path_parameters:
                    case.path_parameters[name] = values[known % len(values)]
        headers = {**visitors.headers[role], "Idempotency-Key": str(key), "Prefer": "wait=0"}
        answer = case.call(headers=headers, session=visitors.session, timeout=PATIENCE_S)
        if answer.status_code >= 500 and answer.json().get("code") != "projection_behind":
            found.append(f"{operation.label} as {role}: {answer.status_code} {answer.text}")
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as failures:
            found.extend(f"{operation.label} as {role}: {answer.status_code} {each}" for each in failures.exceptions)

    ask()
    return asked


async def test_what_is_said_to_be_known_is_there(visitors: Visitors) -> None:
    """Or the test above would only ever be told that there is no such thing."""
    assert new_id("ord") not in visitors.known["order_id"]
    staff = visitors.headers["staff"]
    for path in (f"/v1/orders/{visitors.known['order_id'][0]}", "/v1/products/mug", "/v1/stock/MUG-S"):
        deadline = time.monotonic() + PATIENCE_S
        while (answer := visitors.http.get(path, headers=staff)).status_code == 404 and time.monotonic() < deadline:
            await asyncio.sleep(0.1)  # read tables follow the facts
        assert answer.status_code == 200
