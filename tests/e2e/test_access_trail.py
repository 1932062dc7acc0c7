"""The audit trail: no staff see somebody's data without a line that says so, and who is turned away has one too."""

import secrets
from typing import Any

from infrastructure.ids import new_id
from infrastructure.settings import Settings
from tests.e2e.shop_client import Caller, ShopClient, open_client
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE


class Person:
    """Whose words are nobody else's."""

    def __init__(self) -> None:
        token = secrets.token_hex(4)
        self.name, self.email, street = f"Zenobia{token}", f"zq{token}@wyvernwick.example", f"Wyvern Row {token}"
        self.home = {"name": self.name, "line1": street, "city": "U", "postal_code": "Z", "country": "GB"}
        self.words = self.name, self.email, street


class Known(dict[str, str]):
    """What stands in the place of each parameter of a path."""

    def __missing__(self, name: str) -> str:
        return new_id("ord")


async def trail(admin: Caller, **filters: Any) -> list[dict[str, Any]]:
    answer = await admin.get("/v1/audit/accesses", limit=100, **filters)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


async def test_whatever_route_shows_staff_personal_data_leaves_a_line(shop_client: ShopClient) -> None:
    """Every GET of the document is called; those whose answer holds the person's words must be in the trail."""
    person, admin, product = Person(), await shop_client.admin(), await shop_client.product()
    ann = await shop_client.sign_up(person.email, name=person.name)
    await ann.post("/v1/cart/lines", {"sku": product.sku})
    order_id = (await ann.post("/v1/orders", {"ship_to": person.home, "bill_to": person.home})).json()["order_id"]
    await shop_client.pay(ann, order_id)
    known = Known(order_id=order_id, sku=product.sku, product_id=product.product_id, position="1")
    known["stream"] = f"user-{ann.user_id}"
    showing = set()
    for path, operations in (await shop_client.document())["paths"].items():
        if "get" in operations:
            shown = await admin.get(path.format_map(known))
            if any(word in shown.text for word in person.words):
                showing.add(f"GET {path}")
    assert {"GET /v1/orders/{order_id}", "GET /v1/orders/{order_id}/invoice", "GET /v1/admin/users"} <= showing
    lines = await trail(admin, person=ann.user_id, actor=admin.user_id)
    assert {line["route"] for line in lines} >= showing
    assert {line["what"] for line in lines} == {"read"}
    assert not [word for word in person.words if word in str(lines)]
    pdf = await admin.request("GET", f"/v1/orders/{order_id}/invoice", headers={"Accept": "application/pdf"})
    assert pdf.status_code == 200
    assert len(await trail(admin, person=ann.user_id, actor=admin.user_id)) == len(lines) + 1


async def test_ones_own_data_are_nobodys_business_and_only_admins_see_the_trail(shop_client: ShopClient) -> None:
    ann, staff, admin = await shop_client.customer(), await shop_client.staff(), await shop_client.admin()
    product = await shop_client.product()
    order_id = await shop_client.order(ann, {product.sku: 1})
    await ann.get(f"/v1/orders/{order_id}")
    assert await trail(admin, actor=ann.user_id) == []
    await staff.get(f"/v1/orders/{order_id}/history")
    [line] = await trail(admin, person=ann.user_id)
    assert (line["actor"], line["route"]) == (staff.user_id, "GET /v1/orders/{order_id}/history")
    assert line["persons"] == [ann.user_id] and line["request_id"].startswith("req_")
    assert (await staff.get("/v1/audit/accesses")).status_code == 403


async def test_who_is_turned_away_is_written_down_but_not_without_end(shop_client: ShopClient) -> None:
    eve, admin = await shop_client.customer(), await shop_client.admin()
    path, body = f"/v1/admin/users/{eve.user_id}", {"roles": ["admin"]}
    for _ in range(90):
        assert (await eve.request("PATCH", path, json=body)).status_code == 403
    lines = await trail(admin, actor=eve.user_id, what="refused")
    assert {line["route"] for line in lines} == {"PATCH /v1/admin/users/{user_id}"}
    assert 60 <= len(lines) < 90
    assert await trail(admin, actor=eve.user_id, what="read") == []


async def test_what_waits_is_written_when_the_service_stops(settings: Settings, shop_client: ShopClient) -> None:
    ann, product = await shop_client.customer(), await shop_client.product()
    order_id = await shop_client.order(ann, {product.sku: 1})
    async with open_client(settings.model_copy(update={"workers_in_process": False})) as client:
        staff = await client.staff()
        client.position = shop_client.position
        assert (await staff.get(f"/v1/orders/{order_id}")).status_code == 200
    found = await shop_client.shop.pool.fetch("SELECT route FROM accesses WHERE actor = $1", staff.user_id)
    assert [row["route"] for row in found] == ["GET /v1/orders/{order_id}"]


async def test_old_lines_are_pruned_and_young_ones_never(shop_client: ShopClient) -> None:
    accesses, pool = shop_client.shop.accesses, shop_client.shop.pool
    for actor in ("usr_old", "usr_young"):
        accesses.note("read", actor=actor, route="GET /v1/orders/{order_id}", persons=["usr_ann"])
    await accesses.write()
    await pool.execute("UPDATE accesses SET at = at - interval '731 days' WHERE actor = 'usr_old'")
    await accesses.prune()
    await pool.fetchval("SELECT accesses_pruned(0)")
    left = {row["actor"] for row in await pool.fetch("SELECT actor FROM accesses")}
    assert "usr_young" in left and "usr_old" not in left
