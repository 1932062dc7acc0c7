"""A process that meets what a newer version of Daybook has written: it guesses nothing, and says so."""

from commands.product import products
from events.values import ProductId
from tests.e2e.shop_client import ShopClient
from tests.e2e.test_commands import problem
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE

NEWER = "UPDATE facts SET schema_version = $2 WHERE stream = $1 AND version = 1"


async def test_another_process_may_know_what_this_one_does_not(shop_client: ShopClient) -> None:
    staff, product = await shop_client.staff(), await shop_client.product()
    pool, stream = shop_client.shop.pool, f"product-{product.product_id}"
    shop_client.shop.handler.forget([products(ProductId(product.product_id))])
    await pool.execute("ALTER TABLE facts DISABLE TRIGGER USER")
    await pool.execute(NEWER, stream, 9)
    answer = await staff.request("PATCH", f"/v1/products/{product.product_id}", json={"name": "New"})
    await pool.execute(NEWER, stream, 1)
    problem(answer, 503, "unavailable")
    assert answer.headers["Retry-After"]
    assert (await staff.request("PATCH", f"/v1/products/{product.product_id}", json={"name": "New"})).status_code == 200
