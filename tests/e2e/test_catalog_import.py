"""Tables of products over HTTP: in and out, what goes wrong by line and field, progress, and what a crash leaves."""

import asyncio
import csv
import io
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from infrastructure.settings import Settings
from tests.e2e.serving import serving
from tests.e2e.shop_client import Caller, ShopClient
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE

COLUMNS = "slug,name,category,status,sku,price_minor,currency,attributes.color\n"
CSV, NDJSON = {"Content-Type": "text/csv"}, {"Content-Type": "application/x-ndjson"}


def rows(prefix: str, category: str, begin: int, end: int) -> str:
    return "".join(
        f"{prefix}-{n},Thing {n},{category},active,{prefix}-{n},{100 + n},USD,red\n" for n in range(begin, end)
    )


async def bring(staff: Caller, table: Any, *, dry_run: bool = False, headers: dict[str, str] = CSV) -> httpx.Response:
    answer = await staff.request(
        "POST", "/v1/products/import", params={"dry_run": dry_run}, content=table, headers=headers
    )
    assert answer.status_code == 200, answer.text
    return answer


def counts(answer: httpx.Response) -> tuple[int, int, int, int]:
    body = answer.json()
    return body["created"], body["changed"], body["unchanged"], body["failed"]


async def test_a_table_comes_in_once_with_errors_by_line_and_field(shop_client: ShopClient) -> None:
    staff = await shop_client.staff()
    await shop_client.category("table")
    table = COLUMNS + rows("table", "table", 0, 3) + "bad,Bad,nowhere,,,,,\nbad,Bad,table,,BAD,1.5,USD,\n"
    dry = await bring(staff, table, dry_run=True)
    assert (counts(dry), "Commit-Position" in dry.headers) == ((3, 0, 0, 2), False)
    assert (await staff.get("/v1/products/table-0")).status_code == 404
    real = await bring(staff, table)
    assert counts(real) == (3, 0, 0, 2)
    assert [(each["line"], each["field"], each["code"]) for each in real.json()["errors"]] == [
        (5, "category", "not_found"),
        (6, "price_minor", "int_parsing"),
    ]
    assert dry.json()["errors"] == real.json()["errors"]
    shown = (await shop_client.guest().get("/v1/products/table-2")).json()
    assert (shown["name"], shown["attributes"]) == ("Thing 2", {"color": "red"})
    assert shown["variants"][0]["prices"] == [{"amount": 102, "currency": "USD"}]
    assert counts(await bring(staff, table)) == (0, 0, 3, 2)
    history = await staff.get("/v1/variants/table-1/price-history")
    assert history.json()["data"][0]["actor"] == staff.user_id


async def test_prices_alone_come_in_as_lines_of_json(shop_client: ShopClient) -> None:
    staff, product = await shop_client.staff(), await shop_client.product(price=1_000)
    line = {"sku": product.sku, "price_minor": 900, "currency": "USD", "compare_at_minor": 1_000}
    assert counts(await bring(staff, json.dumps(line), headers=NDJSON)) == (0, 1, 0, 0)
    (variant,) = (await staff.get(f"/v1/products/{product.product_id}")).json()["variants"]
    assert (variant["prices"][0]["amount"], variant["compare_at"][0]["amount"]) == (900, 1_000)


@pytest.mark.parametrize(("accept", "headers"), [("text/csv", CSV), ("application/x-ndjson", NDJSON)])
async def test_what_goes_out_comes_in_and_changes_nothing(
    shop_client: ShopClient, accept: str, headers: dict[str, str]
) -> None:
    staff = await shop_client.staff()
    category = await shop_client.category()
    media = [{"url": "/a.jpg", "alt": 'An "A", and more\nof it', "kind": "image"}]
    body: dict[str, Any] = {
        "slug": f"out-{headers is CSV}".lower(),
        "name": "=Out, «ü»",
        "category_id": category,
        "media": media,
    }
    body["attributes"] = {"a": "007", "b": 7, "c": 0.5, "d": True, "e": "7"}
    product = (await staff.post("/v1/products", body)).json()["id"]
    variant: dict[str, Any] = {
        "sku": f"OUT-{product}",
        "price": {"amount": 5, "currency": "USD"},
        "options": {"size": "1"},
    }
    await staff.post(f"/v1/products/{product}/variants", variant | {"weight_g": 0, "tax_class": "reduced"})
    price: dict[str, Any] = {"amount": 4, "currency": "EUR", "compare_at": {"amount": 6, "currency": "EUR"}}
    await staff.request("PUT", f"/v1/variants/{variant['sku']}/price", json=price)
    before = await shop_client.shop.store.head()
    out = await staff.request(
        "GET", "/v1/products/export", headers={"Accept": accept, "Min-Position": str(before), "Prefer": "wait=5"}
    )
    assert (out.status_code, out.headers["content-type"].partition(";")[0]) == (200, accept)
    assert f"OUT-{product}" in out.text
    made, changed, unchanged, failed = counts(await bring(staff, out.content, headers=headers))
    assert (made, changed, failed, await shop_client.shop.store.head()) == (0, 0, 0, before)
    assert unchanged >= 2


async def test_the_whole_catalog_comes_out_page_by_page(shop_client: ShopClient) -> None:
    staff = await shop_client.staff()
    await shop_client.category("pages")
    await bring(staff, COLUMNS + rows("pages", "pages", 0, 1_203))
    out = await staff.get("/v1/products/export")
    found = [row["slug"] for row in csv.DictReader(io.StringIO(out.text)) if row["slug"].startswith("pages-")]
    assert sorted(found) == sorted(f"pages-{n}" for n in range(1_203))


@asynccontextmanager
async def sending(client: ShopClient, staff: Caller) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    """An import by hand: clients that are libraries send the whole body before they look at the answer."""
    url = client.http.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    headers = {**staff.headers, **CSV, "Accept": "application/x-ndjson", "Host": url.host}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"POST /v1/products/import HTTP/1.1\r\n{lines}Transfer-Encoding: chunked\r\n\r\n".encode())
    try:
        yield reader, writer
    finally:
        writer.close()


def chunk(text: str) -> bytes:
    return f"{len(text.encode()):x}\r\n{text}\r\n".encode()


async def told_until(reader: StreamReader, name: str) -> list[dict[str, Any]]:
    """The lines of the answer up to the first with this name."""
    told: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        while not told or name not in told[-1]:
            line = await reader.readline()
            assert line, told
            if line.startswith(b"{"):
                told.append(json.loads(line))
    return told


async def test_errors_and_progress_are_told_while_the_table_is_on_its_way(settings: Settings) -> None:
    async with serving(settings) as (client, _):
        staff = await client.staff()
        await client.category("live")
        async with sending(client, staff) as (reader, writer):
            writer.write(chunk(COLUMNS + "x,X,nowhere,,,,,\n" + rows("live", "live", 0, 512)))
            error, *_, progress = await told_until(reader, "progress")
            assert {**error["error"], "message": ""} == {
                "line": 2,
                "field": "category",
                "code": "not_found",
                "message": "",
            }
            assert progress["progress"]["rows"] == 512
            writer.write(chunk(rows("live", "live", 512, 600)) + b"0\r\n\r\n")
            done = (await told_until(reader, "done"))[-1]["done"]
        assert (done["rows"], done["created"], done["failed"], done["stopped"]) == (601, 600, 1, None)


async def test_a_sender_who_goes_away_has_brought_in_what_was_read_and_goes_on_later(settings: Settings) -> None:
    async with serving(settings) as (client, _):
        staff = await client.staff()
        await client.category("gone")
        async with sending(client, staff) as (reader, writer):
            writer.write(chunk(COLUMNS + rows("gone", "gone", 0, 700)))
            await told_until(reader, "progress")
        rest = await bring(staff, COLUMNS + rows("gone", "gone", 0, 900))
        made, changed, unchanged, failed = counts(rest)
        assert (made + unchanged, changed, failed) == (900, 0, 0)
        assert unchanged >= 512


async def test_two_imports_of_one_table_at_once_make_it_once(shop_client: ShopClient) -> None:
    staff = await shop_client.staff()
    await shop_client.category("twins")
    table = COLUMNS + rows("twins", "twins", 0, 300)
    one, two = await asyncio.gather(bring(staff, table), bring(staff, table))
    assert counts(one)[0] + counts(two)[0] == 300
    assert counts(one)[3] + counts(two)[3] == 0
    out = await staff.get("/v1/products/export")
    assert sum(line.startswith("twins-") for line in out.text.splitlines()) == 300


async def test_what_is_no_table_is_refused(shop_client: ShopClient) -> None:
    staff, customer = await shop_client.staff(), await shop_client.customer()
    path = "/v1/products/import"
    for who, content, headers, status in (
        (customer, COLUMNS, CSV, 403),
        (shop_client.guest(), COLUMNS, CSV, 401),
        (staff, COLUMNS, {"Content-Type": "application/json"}, 415),
        (staff, COLUMNS, {}, 415),
        (staff, "slug,colour\n", CSV, 422),
        (staff, b"\xff\xfe\x00", CSV, 422),
    ):
        answer = await who.request("POST", path, content=content, headers=headers)
        assert answer.status_code == status, answer.text
    assert (await customer.get("/v1/products/export")).status_code == 403
    stopped = await bring(staff, "slug,name\n" + "no-such,X\n" * 600 + "x" * 1_100_000)
    assert (stopped.json()["failed"], stopped.json()["stopped"]["code"]) == (600, "line_too_long")


async def test_a_table_may_be_larger_than_other_bodies(shop_client: ShopClient) -> None:
    staff = await shop_client.staff()
    await shop_client.category("large")
    table = COLUMNS + rows("large", "large", 0, 3) + "\n" * 1_200_000
    assert len(table) > shop_client.shop.settings.request_body_limit_bytes
    assert counts(await bring(staff, table)) == (3, 0, 0, 0)
