"""A limited coupon raced by many, at two processes on one database: redeemed exactly as often as allowed."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx

from infrastructure.ids import new_id
from tests.e2e.service import Service, authorization, read
from tests.e2e.test_two_processes import on_sale
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE

RACERS, LIMIT, CANCELLED = 200, 20, 5
CODE = "RACE"

Racer = tuple[dict[str, str], str]
"""Who asks, and at which process."""


async def test_a_limited_coupon_is_redeemed_exactly_as_often_as_allowed(
    services: tuple[Service, Service],
) -> None:
    one, two = services
    async with httpx.AsyncClient(timeout=90) as http:
        staff = authorization(new_id("usr"), "staff")
        sku = await on_sale(http, one.url)
        assert (await _ask(http, f"{one.url}/v1/stock/{sku}/receipts", {"quantity": 10 * RACERS}, staff)).is_success
        terms = {"code": CODE, "kind": "percent", "percent_bp": 5_000, "limit": LIMIT}
        assert (await _ask(http, f"{one.url}/v1/coupons", terms, staff)).is_success
        racers: list[Racer] = [(authorization(new_id("usr"), "customer"), (one, two)[n % 2].url) for n in range(RACERS)]
        for who, url in racers:
            assert (await _ask(http, f"{url}/v1/cart/lines", {"sku": sku}, who)).is_success
        won, lost = await _raced(http, racers)
        assert (len(won), len(lost)) == (LIMIT, RACERS - LIMIT)
        for (who, url), order_id in list(won.values())[:CANCELLED]:
            assert (await _ask(http, f"{url}/v1/orders/{order_id}/cancel", {"reason": "x"}, who)).is_success
        again, _ = await _raced(http, lost)
        assert len(again) == CANCELLED
        coupon = await read(http, f"{two.url}/v1/coupons/{CODE}", staff, max([*won, *again]))
        assert coupon["redeemed"] == LIMIT


async def _raced(http: httpx.AsyncClient, racers: Sequence[Racer]) -> tuple[dict[int, tuple[Racer, str]], list[Racer]]:
    """Who has got it, with the order, by the position where that is written; and who has not, told why."""
    answers = await asyncio.gather(*(_ask(http, f"{url}/v1/orders", {"coupon": CODE}, who) for who, url in racers))
    assert set(Counter(answer.status_code for answer in answers)) <= {201, 409}
    told = list(zip(racers, answers, strict=True))
    lost = [racer for racer, answer in told if answer.status_code == 409]
    for _, answer in told:
        if answer.status_code == 409:
            assert (answer.json()["code"], answer.json()["why"]) == ("coupon_not_applicable", "used_up")
    won = {
        int(answer.headers["Commit-Position"]): (racer, str(answer.json()["order_id"]))
        for racer, answer in told
        if answer.status_code == 201
    }
    return won, lost


async def _ask(http: httpx.AsyncClient, url: str, body: Any, who: dict[str, str]) -> httpx.Response:
    return await http.post(url, json=body, headers={**who, "Idempotency-Key": secrets.token_hex(8)})
