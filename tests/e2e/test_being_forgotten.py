"""Someone is forgotten: nothing of them is to be found anywhere, and what was sold still adds up."""

import secrets
from typing import Any

import httpx
import pytest
import redis.asyncio

import api.commands.privacy
from api.wiring import Shop
from events.privacy import SubjectForgotten
from events.store import Append
from events.values import UserId
from infrastructure.database import connect
from infrastructure.ids import new_id
from infrastructure.rebuild import rebuild
from infrastructure.settings import Settings
from infrastructure.verification.book import verify
from projections.order_summary import order_summary
from projections.user_account import user_account
from tests.e2e.shop_client import PASSWORD, Caller, ShopClient, open_client
from tests.waiting import eventually

STREET, CITY, CODE = "7 Wyvernwick Row", "Umberholt", "ZQ7 9XJ"
TABLES = """SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace"""


class Person:
    """Someone with a name that nobody else has."""

    def __init__(self) -> None:
        token = secrets.token_hex(4)
        self.name, self.email = f"Zenobia{token} Quillfeather", f"zq{token}@wyvernwick.example"
        self.home = {"name": self.name, "line1": STREET + token, "city": CITY, "postal_code": CODE, "country": "GB"}
        self.words = [self.name, self.email, STREET + token]

    def found_in(self, text: str) -> list[str]:
        return [word for word in self.words if word.lower() in text.lower()]


async def dump(shop: Shop, *tables: str) -> str:
    """All rows of these tables, or of all there are, as text."""
    connection = await connect(shop.database_url)
    try:
        tables = tables or tuple(name for (name,) in await connection.fetch(TABLES))
        assert {"facts_from_1", "credentials"} <= set(tables) or len(tables) == 1
        return "\n".join(
            [row for table in tables for (row,) in await connection.fetch(f"SELECT t::text FROM {table} t")]
        )
    finally:
        await connection.close()


async def cached(url: str) -> str:
    """All that is in Redis, of whatever kind."""
    async with redis.asyncio.Redis.from_url(url) as client:
        return repr([(key, await client.dump(key)) async for key in client.scan_iter(count=1_000)])


async def ordered(client: ShopClient, caller: Caller, person: Person, **more: Any) -> dict[str, Any]:
    product = await client.product(stock=5)
    assert (await caller.post("/v1/cart/lines", {"sku": product.sku, "quantity": 2})).status_code == 201
    placed = await caller.post("/v1/orders", {"ship_to": person.home, "bill_to": person.home, **more})
    assert placed.status_code == 201, placed.text
    order: dict[str, Any] = (await caller.get(f"/v1/orders/{placed.json()['order_id']}")).json()
    return order


async def delivered(client: ShopClient, caller: Caller, order_id: str) -> None:
    staff = await client.staff()
    await client.pay(caller, order_id)
    assert (await staff.post(f"/v1/orders/{order_id}/ship")).status_code == 200
    assert (await staff.post(f"/v1/orders/{order_id}/complete")).status_code == 200


async def sums(client: ShopClient) -> dict[str, Any]:
    summary: dict[str, Any] = (await (await client.staff()).get("/v1/reports/summary")).json()
    del summary["as_of"]
    return summary


async def test_nothing_of_the_forgotten_is_to_be_found(shop_client: ShopClient, redis_url: str) -> None:
    shop, person = shop_client.shop, Person()
    ada = await shop_client.sign_up(person.email, name=person.name)
    before = await ordered(shop_client, ada, person)
    await delivered(shop_client, ada, before["order_id"])
    for projection in (order_summary, user_account):  # leaves the table behind that was read until now
        await rebuild(shop.pool, shop.store, projection, owner="test")
    before = (await ada.get(f"/v1/orders/{before['order_id']}")).json()
    assert before["ship_to"] == {**person.home, "line2": ""} and (await ada.get("/v1/me")).json()["name"] == person.name
    report = await sums(shop_client)
    assert person.found_in(await dump(shop, "facts")) == []
    for letter in ("password-reset", "email-verification"):
        await shop_client.guest().post(f"/v1/auth/{letter}", {"email": person.email}, key="")
    assert set(person.words) == set(person.found_in(await dump(shop)))  # read tables hold them, and so would a backup
    connection = await connect(shop.database_url)
    held = await connection.fetchval("SELECT wrapped FROM person_keys WHERE person_id = $1", ada.user_id)
    await connection.close()

    gone = await ada.request("DELETE", "/v1/me")
    assert gone.status_code == 200, gone.text
    after = (await (await shop_client.staff()).get(f"/v1/orders/{before['order_id']}")).json()
    assert after == {**before, "ship_to": None, "bill_to": None, "email": None}
    everything = await dump(shop)
    assert person.found_in(everything) == []
    assert held.hex() not in everything
    assert person.found_in(await cached(redis_url)) == []
    assert await sums(shop_client) == report

    form = {"username": person.email, "password": PASSWORD}
    assert (await shop_client.guest().request("POST", "/v1/auth/login", data=form)).status_code == 401
    history = (await (await shop_client.staff()).get(f"/v1/orders/{before['order_id']}/history")).json()
    assert person.found_in(str(history)) == [] and history["version"] == before["version"]
    assert (await verify(shop.pool, shop.keyring)).sound
    for projection in (order_summary, user_account):
        anew = await rebuild(shop.pool, shop.store, projection, owner="test", compare=True)
        assert (anew.different, anew.examples) == (0, [])
    assert (await ada.request("DELETE", "/v1/me")).status_code == 401  # the session ended with it


async def test_a_guest_is_forgotten_by_the_customer_id_of_the_order(shop_client: ShopClient) -> None:
    person, admin = Person(), await shop_client.admin()
    order = await ordered(shop_client, (guest := shop_client.guest()), person, email=person.email)
    path = f"/v1/admin/users/{order['customer_id']}/forget"
    refused = await admin.post(path, {"reason": "asked by letter"})
    assert refused.status_code == 409 and refused.json()["code"] == "still_needed"
    assert refused.json()["orders"] == [{"order_id": order["order_id"], "status": "PENDING", "until": None}]
    await delivered(shop_client, guest, order["order_id"])
    assert (await admin.post(path, {"reason": "asked by letter"})).status_code == 200
    seen = (await admin.get(f"/v1/orders/{order['order_id']}")).json()
    assert (seen["ship_to"], seen["email"], seen["total"]) == (None, None, order["total"])
    assert person.found_in(await dump(shop_client.shop)) == []


async def test_only_admins_forget_others_and_only_those_who_exist(shop_client: ShopClient) -> None:
    customer, admin = await shop_client.customer(), await shop_client.admin()
    path = f"/v1/admin/users/{customer.user_id}/forget"
    assert (await (await shop_client.staff()).post(path, {"reason": "no"})).status_code == 403
    assert (await shop_client.guest().request("DELETE", "/v1/me")).status_code == 401
    for nobody in (new_id("usr"), new_id("gst")):
        assert (await admin.post(f"/v1/admin/users/{nobody}/forget", {"reason": "x"})).status_code == 404
    assert (await admin.post("/v1/admin/users/ord_1/forget", {"reason": "x"})).status_code == 422
    assert (await admin.post(path, {"reason": "asked"})).status_code == 200
    assert (await customer.get("/v1/me")).json()["email"] == "Forgotten"


async def test_papers_that_must_be_kept_keep_their_customer(settings: Settings) -> None:
    kept = settings.model_copy(update={"invoice_retention_years": 10})
    async with open_client(kept) as client:
        person, ada = Person(), await client.customer()
        order = await ordered(client, ada, person)
        await delivered(client, ada, order["order_id"])
        refused = await ada.request("DELETE", "/v1/me")
        assert refused.status_code == 409, refused.text
        [needed] = refused.json()["orders"]
        assert needed["until"][:4] == str(int(order["placed_at"][:4]) + 10)


async def test_another_process_and_a_rebuild_under_way_forget_as_well(
    shop_client: ShopClient, settings: Settings
) -> None:
    shop, person = shop_client.shop, Person()
    ada = await shop_client.sign_up(person.email, name=person.name)
    async with open_client(settings) as other:
        assert person.found_in((await Caller(other, ada.headers["Authorization"][7:]).get("/v1/me")).text)
        await shop.store.append(Append([SubjectForgotten(UserId(ada.user_id), "asked")]))

        async def forgotten() -> bool:
            return "Forgotten" in (await Caller(other, ada.headers["Authorization"][7:]).get("/v1/me")).text

        await eventually(forgotten)


async def test_everything_about_me_is_handed_out(shop_client: ShopClient) -> None:
    person, stranger = Person(), Person()
    ada = await shop_client.sign_up(person.email, name=person.name)
    await ordered(shop_client, await shop_client.customer(), stranger)
    order = await ordered(shop_client, ada, person)
    product = await shop_client.product()
    await ada.request("PUT", f"/v1/wishlist/{product.sku}")
    await ada.post("/v1/cart/lines", {"sku": product.sku, "quantity": 1})
    answer = await ada.get("/v1/me/export")
    assert answer.status_code == 200 and "attachment" in answer.headers["Content-Disposition"]
    export = answer.json()
    assert (export["account"]["email"], export["account"]["name"]) == (person.email, person.name)
    assert [each["order_id"] for each in export["orders"]] == [order["order_id"]]
    assert export["orders"][0]["ship_to"] == {**person.home, "line2": ""}
    assert [line["sku"] for line in export["cart"]["lines"]] == [product.sku]
    assert [wish["sku"] for wish in export["wishlist"]["wishes"]] == [product.sku]
    facts = {each["stream"].partition("-")[0]: [fact["type"] for fact in each["facts"]] for each in export["history"]}
    assert facts["user"] == ["UserRegistered"] and facts["order"] == ["OrderPlaced"]
    assert facts["wishlist"] == ["WishAdded"] and "CartCheckedOut" in facts["cart"]
    assert stranger.found_in(answer.text) == [] and answer.text.count(person.email) == 2
    [session] = export["sessions"]
    [told] = [each for each in export["history"] if each["stream"] == f"session-{session['session_id']}"]
    assert [fact["type"] for fact in told["facts"]] == ["SignedIn"]
    assert told["facts"][0]["data"]["address"] == session["address"] != "Forgotten"
    assert (await shop_client.guest().get("/v1/me/export")).status_code == 401


@pytest.mark.parametrize("projection", [order_summary, user_account], ids=lambda each: each.name)
async def test_the_forgetting_reaches_tables_that_rebuilds_have_left(shop_client: ShopClient, projection: Any) -> None:
    shop, person = shop_client.shop, Person()
    ada = await shop_client.sign_up(person.email, name=person.name)
    order = await ordered(shop_client, ada, person)
    await delivered(shop_client, ada, order["order_id"])
    await rebuild(shop.pool, shop.store, projection, owner="test")
    connection = await connect(shop.database_url)
    name = projection.name
    await connection.execute(f"CREATE TABLE {name}__new AS SELECT * FROM {name}")  # as an interrupted one leaves it
    assert person.found_in(await dump(shop, f"{name}__old")) and person.found_in(await dump(shop, f"{name}__new"))
    assert (await ada.request("DELETE", "/v1/me")).status_code == 200
    await (await shop_client.staff()).get(f"/v1/orders/{order['order_id']}")
    await (await shop_client.admin()).get("/v1/admin/users")
    assert person.found_in(await dump(shop)) == []
    await connection.execute(f"DROP TABLE {name}__new")
    await connection.close()


async def test_an_order_that_is_placed_meanwhile_keeps_its_customer_or_is_refused(
    shop_client: ShopClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Placed after it was looked whether there is one: the forgetting sees it all the same."""
    ada, product = await shop_client.customer(), await shop_client.product()
    person, check = Person(), api.commands.privacy._check
    await ada.post("/v1/cart/lines", {"sku": product.sku})
    placed: list[httpx.Response] = []

    async def checked_too_early(shop: Shop, person_id: UserId) -> None:
        await check(shop, person_id)
        if not placed:
            placed.append(await ada.post("/v1/orders", {"ship_to": person.home}))

    monkeypatch.setattr("api.commands.privacy._check", checked_too_early)
    admin = await shop_client.admin()
    path, body = f"/v1/admin/users/{ada.user_id}/forget", {"reason": "asked by letter"}
    assert (await admin.post(path, body)).json()["code"] == "still_needed"
    order = (await ada.get(f"/v1/orders/{placed[0].json()['order_id']}")).json()
    assert order["ship_to"]["name"] == person.name
    await delivered(shop_client, ada, order["order_id"])
    assert (await admin.post(path, body)).status_code == 200
    # A process that has not heard of it yet.
    assert (await ada.post("/v1/cart/lines", {"sku": product.sku})).status_code == 404
    assert (await ada.post("/v1/orders", {"ship_to": person.home})).json()["code"] == "cart_empty"
