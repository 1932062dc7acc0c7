"""What callers are told when a part of the book is in an archive: which file it is, and what goes on without it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import pytest_asyncio
from pydantic import SecretStr

from api.progress import caught_up
from commands.order import orders
from events.values import OrderId
from infrastructure.archive.creating import Made, create, ripe
from infrastructure.archive.restoring import restore
from infrastructure.settings import Settings
from tests.e2e.shop_client import Caller, Product, ShopClient, created, open_client, settings_for
from tests.waiting import eventually

PART = 60
KEY = "the key of the first payment"


@dataclass(frozen=True, slots=True)
class Story:
    """A shop whose first order was completed long ago, and the archive that it is in."""

    client: ShopClient
    ann: Caller
    order_id: str
    product: Product
    made: Made
    history: Any
    """Of the order, as it was told before."""

    @property
    def archives(self) -> list[dict[str, Any]]:
        return [{"first": 1, "last": PART, "file": self.made.path.name, "sha256": self.made.checked.sha256}]

    def refuses(self, answer: httpx.Response, status: int, code: str) -> None:
        body = answer.json()
        assert (answer.status_code, body.get("code"), body.get("archives")) == (status, code, self.archives), body


@pytest.fixture(scope="module")
def settings(database_url: str, redis_url: str, key_prefix: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Of a book in small parts, which is sealed at once."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE facts DETACH PARTITION facts_from_1")
        connection.execute("DROP TABLE facts_from_1")
        connection.execute("UPDATE head SET room_to = 0, room_per_table = %s", [PART])
        connection.execute("SELECT add_partition()")
    plain = settings_for(database_url, redis_url, key_prefix, tmp_path_factory.mktemp("data"))
    key = SecretStr("c2VhbGluZyBrZXkgb2YgdGhpcnR5LXR3byBieXRlcyE=")
    return plain.model_copy(update={"sealing_key": key, "seal_within_seconds": 0.05})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(settings: Settings) -> AsyncIterator[Story]:
    async with open_client(settings) as client:
        yield await _told(client, settings.data_dir)


async def _told(client: ShopClient, directory: Path) -> Story:
    ann, staff, product = await client.customer(), await client.staff(), await client.product(stock=100)
    order_id = await client.order(ann, {product.sku: 1})
    asked = await ann.post(f"/v1/orders/{order_id}/pay", {"method": "tok_approve"}, key=KEY)
    assert asked.status_code == 202

    async def paid() -> bool:
        return bool((await ann.get(f"/v1/orders/{order_id}")).json()["status"] == "PAID")

    await eventually(paid)
    assert (await staff.post(f"/v1/orders/{order_id}/ship", {"carrier": "DHL"})).status_code == 200
    assert (await staff.post(f"/v1/orders/{order_id}/complete")).status_code == 200
    history = (await ann.get(f"/v1/orders/{order_id}/history")).json()
    while await client.shop.store.head() <= PART:
        created(await staff.post(f"/v1/stock/{product.sku}/receipts", {"quantity": 1}))

    async def is_ripe() -> bool:
        async with client.shop.pool.acquire() as connection:
            return bool((await ripe(connection))[0])

    await eventually(is_ripe)
    shop = client.shop
    (made,) = [each async for each in create(shop.database_url, shop.keyring, directory / "archives")]
    client.position = await shop.store.head()
    client.shop.handler.forget([orders(OrderId(order_id))])  # as after a restart
    return Story(client, ann, order_id, product, made, history)


async def test_the_order_is_shown_and_its_life_is_in_the_archive(story: Story) -> None:
    path = f"/v1/orders/{story.order_id}"
    assert (await story.ann.get(path)).json()["status"] == "COMPLETED"
    story.refuses(await story.ann.get(f"{path}/history"), 410, "archived")
    story.refuses(await story.ann.get(path, version=2), 410, "archived")
    bob = await story.client.customer("Bob")
    assert (await bob.get(f"{path}/history")).status_code == 404
    assert (await bob.post(f"{path}/cancel", {"reason": "not mine"})).status_code == 404


async def test_commands_on_what_has_ended_are_refused(story: Story) -> None:
    path = f"/v1/orders/{story.order_id}"
    staff = await story.client.staff()
    story.refuses(await story.ann.post(f"{path}/cancel", {"reason": "too late"}), 409, "stream_archived")
    story.refuses(await staff.post(f"{path}/ship", {"carrier": "UPS"}), 409, "stream_archived")
    story.refuses(await staff.post(f"{path}/complete"), 409, "stream_archived")


async def test_a_repetition_gets_its_first_answer_all_the_same(story: Story) -> None:
    again = await story.ann.post(f"/v1/orders/{story.order_id}/pay", {"method": "tok_approve"}, key=KEY)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")


async def test_everything_else_goes_on(story: Story) -> None:
    other = await story.client.paid_order(story.ann, {story.product.sku: 2})
    assert (await story.ann.get(f"/v1/orders/{other}/history")).status_code == 200
    staff = await story.client.staff()
    assert (
        await staff.post(f"/v1/stock/{story.product.sku}/adjustments", {"delta": -1, "reason": "broken"})
    ).is_success
    assert (await staff.get(f"/v1/stock/{story.product.sku}/explain")).status_code == 200
    assert await caught_up(story.client.shop, 10)


async def test_a_stream_says_what_of_it_is_in_an_archive(story: Story) -> None:
    staff = await story.client.staff()
    answer = (await staff.get(f"/v1/streams/order-{story.order_id}/events")).json()
    assert [event["type"] for event in answer["data"]] == ["OrderCompleted"]
    assert answer["archives"] == story.archives
    whole = (await staff.get(f"/v1/streams/stock-{story.product.sku}@main/events")).json()
    assert "archives" not in whole
    behind = (await staff.get(f"/v1/streams/order-{story.order_id}/events", after=6)).json()
    assert "archives" not in behind


@pytest.mark.parametrize("media_type", ["application/json", "application/x-ndjson", "text/event-stream"])
@pytest.mark.parametrize("query", ["after=0", "after=30", "after=30&type=OrderPlaced", "after=0&actor=nobody"])
async def test_the_feed_does_not_begin_in_an_archive(story: Story, media_type: str, query: str) -> None:
    admin = await story.client.admin()
    story.refuses(
        await admin.request("GET", f"/v1/events?{query}", headers={"Accept": media_type}), 410, "facts_archived"
    )


async def test_the_feed_goes_on_behind_the_archive(story: Story) -> None:
    admin = await story.client.admin()
    head = await story.client.shop.store.head()
    page = (await admin.get("/v1/events", after=PART, limit=1_000)).json()
    assert [event["position"] for event in page["data"]][: head - PART] == list(range(PART + 1, head + 1))
    lines = await admin.request("GET", f"/v1/events?after={PART}", headers={"Accept": "application/x-ndjson"})
    assert len(lines.text.splitlines()) >= head - PART
    told = [event for event in page["data"] if event["type"] == "FactsArchived"]
    assert [event["data"]["file"] for event in told] == [story.made.path.name]


async def test_auditors_see_archives_and_that_the_rest_is_sound(story: Story) -> None:
    admin = await story.client.admin()
    (archive,) = (await admin.get("/v1/audit/archives")).json()["data"]
    assert (archive["first_position"], archive["last_position"], archive["facts"]) == (1, PART, PART)
    assert (archive["kept"], archive["archived_by"]) == (story.made.kept, "cli")
    report = (await admin.get("/v1/audit/verify")).json()
    assert (report["sound"], report["archived"]) == (True, PART - story.made.kept), report["findings"]
    assert report["archives"] == story.archives
    gone = story.history["data"][0]["position"]
    story.refuses(await admin.get(f"/v1/audit/proof/{gone}"), 410, "facts_archived")
    assert (await (await story.client.staff()).get("/v1/audit/archives")).status_code == 403


async def test_no_rebuild_is_begun_that_would_miss_what_is_archived(story: Story) -> None:
    admin = await story.client.admin()
    story.refuses(await admin.post("/v1/admin/projections/wishlist/rebuild"), 410, "facts_archived")


async def test_a_report_as_of_a_time_in_an_archive_is_refused(story: Story) -> None:
    staff, then = await story.client.staff(), story.history["data"][0]["recorded_at"]
    story.refuses(await staff.get("/v1/reports/sales", as_of=then), 410, "facts_archived")
    position = story.history["data"][0]["position"]
    assert (await staff.get("/v1/reports/sales", as_of=str(position))).status_code == 200


async def test_restored_it_is_told_as_before(story: Story) -> None:
    """The last test of this module."""
    shop = story.client.shop
    await asyncio.wait_for(restore(shop.database_url, shop.keyring, story.made.path), 60)
    assert (await story.ann.get(f"/v1/orders/{story.order_id}/history")).json() == story.history
    admin = await story.client.admin()
    lines = await admin.request("GET", "/v1/events", headers={"Accept": "application/x-ndjson"})
    positions = [json.loads(line)["position"] for line in lines.text.splitlines()]
    assert positions == list(range(1, len(positions) + 1))
    report = (await admin.get("/v1/audit/verify")).json()
    assert (report["sound"], report["archived"], report["archives"]) == (True, 0, [])
