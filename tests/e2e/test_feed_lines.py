"""The book as NDJSON: all of it up to the position that the answer names, a fact a line, whatever its length."""

import json

import pytest

from infrastructure import tail
from tests.e2e.shop_client import Caller, ShopClient
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE

LINES = {"Accept": "application/x-ndjson"}


async def lines(caller: Caller, **asked: str | int) -> tuple[list[dict[str, object]], int]:
    answer = await caller.request("GET", "/v1/events", params=asked, headers=LINES)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text == "" or answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()], int(answer.headers["Projection-Position"])


async def test_it_is_the_whole_book(shop_client: ShopClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "PAGE_FACTS", 3)
    await shop_client.product()
    admin = await shop_client.admin()
    facts, complete_to = await lines(admin)
    head = await shop_client.shop.store.head()
    assert [fact["position"] for fact in facts] == list(range(1, head + 1))
    assert complete_to == head
    page = (await admin.get("/v1/events", limit=1_000)).json()
    assert facts == page["data"]


async def test_it_takes_the_same_filters(shop_client: ShopClient) -> None:
    product = await shop_client.product()
    admin, staff = await shop_client.admin(), await shop_client.staff()
    head = await shop_client.shop.store.head()
    facts, complete_to = await lines(admin, stream=f"product-{product.product_id}", actor=staff.user_id)
    assert [fact["type"] for fact in facts] == ["ProductCreated", "VariantAdded", "ProductPublished"]
    assert complete_to == head
    assert await lines(admin, after="head") == ([], head)
    assert await lines(admin, after=head) == ([], head)
    assert len((await lines(admin, after=head - 2))[0]) == 2


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
async def test_whoever_knows_more_than_the_book_is_told_so(shop_client: ShopClient, accept: str) -> None:
    """Going on there would pass over what comes until then."""
    admin = await shop_client.admin()
    head = await shop_client.shop.store.head()
    for after, status in ((head, 200), (head + 1, 409)):
        answer = await admin.request("GET", "/v1/events", params={"after": after}, headers={"Accept": accept})
        assert answer.status_code == status
    assert answer.json()["code"] == "conflict"


async def test_it_has_no_pages(shop_client: ShopClient) -> None:
    admin = await shop_client.admin()
    refused = await admin.request("GET", "/v1/events", params={"limit": 3}, headers=LINES)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "?limit")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("text/*", "text/event-stream"),
        ("application/x-ndjson;q=0.5, application/json;q=0.4", "application/x-ndjson"),
        ("application/json, application/x-ndjson", "application/json"),
        ("text/csv, application/x-ndjson;q=0.1", "application/x-ndjson"),
    ],
)
async def test_accept_chooses(shop_client: ShopClient, accept: str, media_type: str) -> None:
    shop_client.shop.tail.close()  # a live stream would not end: it is refused, which will do here
    admin = await shop_client.admin()
    answer = await admin.request("GET", "/v1/events", headers={"Accept": accept})
    shop_client.shop.tail.closed = False
    if media_type == "text/event-stream":
        assert answer.status_code == 503
    else:
        assert answer.headers["content-type"] == media_type
