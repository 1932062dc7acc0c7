"""Of 500 shoppers who race for 100 units through whole checkouts at two processes, 100 get one, and all books agree.

A coupon that may be redeemed twenty times is raced for on the way."""

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx

from infrastructure.ids import new_id
from tests.e2e.service import Service, authorization, read
from tests.e2e.test_two_processes import on_sale
from tests.kinds import EMBEDDED_ALONE
from tests.waiting import PATIENCE_S

pytestmark = EMBEDDED_ALONE

SHOPPERS, UNITS, AT_ONCE = 500, 100, 200
PRICE = 1_999
REDUCTION, REDEMPTIONS = 500, 20
HOME = {"name": "Ann Lee", "line1": "High Street 1", "city": "Dublin", "postal_code": "D01", "country": "IE"}


@dataclass(frozen=True, slots=True)
class Bought:
    order_id: str
    total_minor: int
    position: int


async def test_of_five_hundred_shoppers_a_hundred_get_a_unit_and_all_books_agree(
    services: tuple[Service, Service],
) -> None:
    staff = authorization(new_id("usr"), "staff")
    # Whoever waits for one of the connections waits for as long as it takes.
    patience = httpx.Timeout(PATIENCE_S, pool=None)
    async with httpx.AsyncClient(timeout=patience, limits=httpx.Limits(max_connections=AT_ONCE)) as http:
        url = services[0].url
        sku = await on_sale(http, url, units=UNITS)
        coupon = await _coupon(http, url, staff)
        shopping = (_shop(http, services[n % 2].url, sku, coupon if n % 2 else None) for n in range(SHOPPERS))
        outcomes = await asyncio.gather(*shopping)
        bought = [outcome for outcome in outcomes if isinstance(outcome, Bought)]
        refused = Counter(outcome for outcome in outcomes if isinstance(outcome, str))
        assert (len(bought), refused) == (UNITS, {"out_of_stock": SHOPPERS - UNITS})
        assert len({each.order_id for each in bought}) == UNITS

        newest = max(each.position for each in bought)
        stock = await read(http, f"{url}/v1/stock/{sku}", staff, newest)
        assert (stock["on_hand"], stock["reserved"], stock["available"]) == (UNITS, UNITS, 0)
        found = [await read(http, f"{url}/v1/orders/{each.order_id}", staff, newest) for each in bought]
        assert {(order["status"], order["payment"]) for order in found} == {("PAID", "CAPTURED")}
        reduced = [order for order in found if order["coupon"] is not None]
        assert {order["total"]["amount"] for order in reduced} <= {PRICE - REDUCTION}
        money = sum(order["total"]["amount"] for order in found)
        assert money == sum(each.total_minor for each in bought) == UNITS * PRICE - len(reduced) * REDUCTION
        redeemed = await read(http, f"{url}/v1/coupons/{coupon}", staff, newest)
        assert redeemed["redeemed"] == len(reduced) <= REDEMPTIONS
        summary = await read(http, f"{url}/v1/reports/summary", staff, newest)
        assert (summary["orders"], summary["units"], summary["revenue"]["amount"]) == (UNITS, UNITS, money)


async def _shop(http: httpx.AsyncClient, url: str, sku: str, coupon: str | None) -> Bought | str:
    """A guest's whole checkout. The code of the refusal if there is nothing left; without the coupon if that is."""
    filled = await http.post(f"{url}/v1/cart/lines", json={"sku": sku, "quantity": 1})
    assert filled.status_code == 201, filled.text
    who = {"X-Cart-Token": filled.headers["X-Cart-Token"]}
    order: dict[str, Any] = {"email": f"{secrets.token_hex(8)}@example.com", "ship_to": HOME}
    placed = await _post(http, f"{url}/v1/orders", order | ({"coupon": coupon} if coupon else {}), who)
    if placed.status_code == 409 and placed.json()["code"] == "coupon_not_applicable":
        placed = await _post(http, f"{url}/v1/orders", order, who)
    if placed.status_code == 409:
        return str(placed.json()["code"])
    assert placed.status_code == 201, placed.text
    path = f"{url}/v1/orders/{placed.json()['order_id']}"
    paying = await _post(http, f"{path}/pay", {"method": "tok_approve"}, {**who, "Prefer": "wait=5"})
    assert paying.status_code == 202, paying.text
    position = paying.headers["Commit-Position"]
    async with asyncio.timeout(PATIENCE_S * 4):  # it is the last of so many payments
        while True:
            shown = await http.get(path, headers={**who, "Min-Position": position, "Prefer": "wait=5"})
            assert shown.status_code in (200, 503), shown.text
            if shown.status_code == 200 and shown.json()["status"] == "PAID":
                reached = int(shown.headers["Projection-Position"])
                return Bought(placed.json()["order_id"], placed.json()["total"]["amount"], reached)
            await asyncio.sleep(0.1)


async def _coupon(http: httpx.AsyncClient, url: str, staff: dict[str, str]) -> str:
    code = f"RUSH{secrets.token_hex(3)}".upper()
    terms = {"code": code, "kind": "fixed", "amounts": [{"amount": REDUCTION, "currency": "USD"}], "limit": REDEMPTIONS}
    created = await _post(http, f"{url}/v1/coupons", terms, staff)
    assert created.status_code == 201, created.text
    return code


async def _post(http: httpx.AsyncClient, url: str, body: Any, who: dict[str, str]) -> httpx.Response:
    return await http.post(url, json=body, headers={**who, "Idempotency-Key": secrets.token_hex(8)})
