"""Admins mend the read side over HTTP: tables are made anew, what is parked is tried again or left out, and why."""

from typing import Any

from infrastructure import parking
from infrastructure.fold import Parked
from infrastructure.leases import Leases
from infrastructure.shadow_table import SHADOW
from tests.e2e.shop_client import Caller, ShopClient
from tests.e2e.test_commands import problem
from tests.kinds import EMBEDDED_ALONE
from tests.waiting import eventually

pytestmark = EMBEDDED_ALONE

REBUILD = "/v1/admin/projections/product_link/rebuild"
SPOIL = "DELETE FROM product_link"


async def test_a_spoilt_table_is_rebuilt_on_demand(shop_client: ShopClient) -> None:
    admin, product = await shop_client.admin(), await shop_client.product()
    path = f"/v1/products/{product.slug}"
    assert (await admin.get(path)).status_code == 200
    await shop_client.shop.pool.execute(SPOIL)
    begun = await admin.post(REBUILD)
    assert (begun.status_code, begun.json()) == (202, {"name": "product_link", "watch": "/v1/admin/projections"})

    async def mended() -> bool:
        return bool(await shop_client.shop.pool.fetchval("SELECT count(*) FROM product_link"))

    await eventually(mended)
    problem(await admin.post("/v1/admin/projections/nothing/rebuild"), 404, "not_found")


async def test_what_another_process_rebuilds_is_not_begun_here(shop_client: ShopClient) -> None:
    admin, name = await shop_client.admin(), f"product_link{SHADOW}"
    leases = Leases(shop_client.shop.pool, [name], "another process")
    await leases.prepare()
    await leases.take()
    problem(await admin.post(REBUILD), 409, "conflict")
    await leases.release()


async def test_what_is_parked_is_tried_again_or_left_out_with_a_reason(shop_client: ShopClient) -> None:
    admin = await shop_client.admin()
    first, second = [await _parked_stock(shop_client, admin) for _ in range(2)]
    again = await admin.post(f"/v1/admin/parked/{first['id']}/retry")
    assert (again.status_code, again.json()) == (200, {"parked": 0})
    problem(await admin.post(f"/v1/admin/parked/{second['id']}/skip", {"reason": ""}), 422, "validation_failed")
    skipped = await admin.post(f"/v1/admin/parked/{second['id']}/skip", {"reason": "counted twice"})
    assert (skipped.status_code, skipped.json()) == (200, {"parked": 0})
    told = (await admin.get("/v1/events", type="FactSkipped")).json()["data"][-1]
    assert (told["data"]["position"], told["data"]["reason"]) == (second["position"], "counted twice")
    assert told["metadata"]["actor"] == admin.user_id
    for fact in (first, second):
        problem(await admin.post(f"/v1/admin/parked/{fact['id']}/retry"), 404, "not_found")


async def _parked_stock(client: ShopClient, admin: Caller) -> Any:
    """As the list shows it: the fact that a product's goods came in, as if its row had not taken it."""
    product = await client.product(stock=3)
    [fact] = await client.shop.store.stored_stream(f"stock-{product.sku}@main")
    key = f'["{product.sku}","main"]'
    async with client.shop.pool.acquire() as connection:
        parked = Parked(key, fact.id, str(fact.originator_id), 1, fact.topic, "it did not fit")
        await parking.park(connection, "stock_level", [parked])
    return next(each for each in (await admin.get("/v1/admin/parked")).json()["data"] if each["key"] == key)
