"""What Prometheus is told: true, bounded whatever callers send, and about nobody in particular."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from events.claim import NameClaimed
from events.store import Append, Conflict, IdempotencyKey
from infrastructure.settings import Settings
from tests.e2e.service import serving
from tests.e2e.shop_client import ShopClient, open_client
from tests.kinds import EMBEDDED_ALONE
from tests.waiting import PATIENCE_S, eventually

pytestmark = EMBEDDED_ALONE

Labels = frozenset[tuple[str, str]]


async def scraped(client: ShopClient) -> Mapping[tuple[str, Labels], float]:
    answer = await client.http.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return told(answer.text)


def told(text: str) -> Mapping[tuple[str, Labels], float]:
    """Every value by its name and labels; 0 for what is not there."""
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return Counter({(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples})


def named(name: str, **labels: str) -> tuple[str, Labels]:
    return f"daybook_{name}", frozenset(labels.items())


async def test_requests_are_counted_by_route_whatever_paths_and_methods_are_asked_for(shop_client: ShopClient) -> None:
    await scraped(shop_client)
    before = await scraped(shop_client)  # with the first one in it
    for n in range(5):
        assert (await shop_client.http.get(f"/v1/products/prd_{n}")).status_code == 404
        assert (await shop_client.http.get(f"/nowhere/{n}")).status_code == 404
        assert (await shop_client.http.request(f"PROPFIND{n}", "/v1/products")).status_code == 405
    after = await scraped(shop_client)
    route = "/v1/products/{id_or_slug}"
    asked = named("http_requests_total", method="GET", route=route, status="404")
    assert after[asked] - before[asked] == 5
    timed = named("http_request_seconds_count", method="GET", route=route)
    assert after[timed] - before[timed] == 5
    new = {key for key in after.keys() - before.keys() if key[0] == "daybook_http_requests_total"}
    assert new == {
        asked,
        named("http_requests_total", method="GET", route="other", status="404"),
        named("http_requests_total", method="other", route="/v1/products", status="405"),
    }


async def test_appends_are_counted_by_what_became_of_them(shop_client: ShopClient) -> None:
    store, name = shop_client.shop.store, secrets.token_hex(6)
    before = await scraped(shop_client)
    claim, key = NameClaimed(name, "me"), IdempotencyKey(name, b"hash")
    await store.append(Append([claim, claim, claim], {f"claim-{name}": 0}, key=key))
    await store.append(Append([claim], key=key))
    with pytest.raises(Conflict):
        await store.append(Append([claim], {f"claim-{name}": 7}))
    after = await scraped(shop_client)

    def grown(name: str, **labels: str) -> float:
        return after[named(name, **labels)] - before[named(name, **labels)]

    assert [grown("appends_total", outcome=each) for each in ("stored", "replayed", "conflict")] == [1, 1, 1]
    assert grown("facts_appended_total") == 3
    assert (grown("commit_appends_sum"), grown("commit_seconds_count")) == (3, 3)
    assert after[named("appends_waiting")] == 0


async def test_the_read_side_says_how_far_it_is(shop_client: ShopClient) -> None:
    product = await shop_client.product()
    ann = await shop_client.customer()
    await shop_client.paid_order(ann, {product.sku: 1})

    async def caught_up() -> bool:
        now = await scraped(shop_client)
        return now[named("projection_position", projection="order_summary")] == now[named("head_position")]

    await eventually(caught_up)
    for _ in range(2):
        assert (await ann.request("GET", f"/v1/products/{product.product_id}")).status_code == 200
    now = await scraped(shop_client)
    summary = {"projection": "order_summary"}
    assert now[named("head_position")] == await shop_client.shop.store.head()
    assert (now[named("projection_lag_facts", **summary)], now[named("projection_lag_seconds", **summary)]) == (0, 0)
    assert now[named("projection_facts_per_second", **summary)] > 0
    assert now[named("projection_eta_seconds", **summary)] == 0
    assert now[named("projection_epoch", **summary)] >= 1
    assert (now[named("projection_running", **summary)], now[named("projection_failing", **summary)]) == (1, 0)
    assert now[named("projection_pages_total", **summary)] >= 1
    assert now[named("projection_facts_total", **summary)] >= 3
    assert now[named("cache_reads_total", kind="product", result="hit")] >= 1
    assert now[named("cache_reads_total", kind="product", result="miss")] >= 1
    assert now[named("reactions_under_way")] == 0
    assert now[named("feed_listeners")] == 0
    assert now[named("database_up")] == 1
    assert now["process_resident_memory_bytes", frozenset()] > 0


async def test_a_projection_that_nobody_moves_lags_in_facts_and_in_seconds(
    settings: Settings, own_database_url: str
) -> None:
    alone = settings.model_copy(update={"workers_in_process": False, "database_url": SecretStr(own_database_url)})
    async with open_client(alone) as client:
        await client.shop.projector.catch_up()
        await client.shop.store.append(Append([NameClaimed("a", "me"), NameClaimed("b", "me")]))
        await asyncio.sleep(0.2)
        now = await scraped(client)
        sale = {"projection": "sale"}
        assert (now[named("projection_lag_facts", **sale)], now[named("projection_running", **sale)]) == (2, 0)
        assert 0.2 <= now[named("projection_lag_seconds", **sale)] < 60


async def test_it_is_about_nobody_in_particular(shop_client: ShopClient) -> None:
    product, ann = await shop_client.product(), await shop_client.sign_up()
    order_id = await shop_client.order(ann, {product.sku: 1})
    await ann.get(f"/v1/orders/{order_id}")
    text = (await shop_client.http.get("/metrics")).text
    for private in (ann.user_id, ann.email, "@", order_id, product.sku, product.slug):
        assert private not in text


async def test_without_a_database_the_rest_is_still_told(
    shop_client: ShopClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> int:
        raise ConnectionError

    monkeypatch.setattr(type(shop_client.shop.store), "head", lambda store: away())
    now = await scraped(shop_client)
    assert now[named("database_up")] == 0
    assert named("head_position") not in now
    assert named("appends_waiting") in now


async def test_it_can_be_kept_for_those_who_know_a_token(settings: Settings) -> None:
    kept = settings.model_copy(update={"metrics_token": SecretStr("for prometheus"), "workers_in_process": False})
    async with open_client(kept) as client:
        for given in ({}, {"Authorization": "Bearer for grafana"}, {"Authorization": "Bearer "}):
            refused = await client.http.get("/metrics", headers=given)
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        known = await client.http.get("/metrics", headers={"Authorization": "Bearer for prometheus"})
        assert known.status_code == 200


async def test_processes_that_share_a_port_count_together(
    own_database_url: str, redis_url: str, key_prefix: str, tmp_path: Path
) -> None:
    environment = {
        "DATABASE_URL": own_database_url,
        "REDIS_URL": redis_url,
        "DAYBOOK_KEY_PREFIX": key_prefix,
        "DAYBOOK_DATA_DIR": str(tmp_path),
    }
    live = named("http_requests_total", method="GET", route="/health/live", status="200")
    with serving("--processes", "2", logs=tmp_path, **environment) as service:
        for n in range(1, 41):
            # A connection of its own: whichever process is free takes it.
            async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
                assert (await http.get(f"{service.url}/health/live")).status_code == 200
                now = told((await http.get(f"{service.url}/metrics")).text)
            assert now[live] == n
        assert now[named("projection_running", projection="sale")] == 1
        assert now[named("feed_listeners")] == 0
        assert service.stop() == 0
