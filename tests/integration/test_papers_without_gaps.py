"""Numbers of invoices and credit notes have no gap and no double, whoever races, is refused or is killed."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import asyncpg

from commands.handler import Handler
from commands.order import Status, orders
from commands.stock import ReceiveStock
from events.category import CategoryCreated
from events.claim import NameClaimed
from events.product import ProductCreated, VariantAdded
from events.store import Append
from events.values import CategoryId, OrderId, ProductId
from infrastructure.embedded.lodging import dies_with_parent
from tests.integration.book import flaws, open_handler, open_store
from tests.integration.papers_till import PRICE, SKU, run
from tests.waiting import PATIENCE_S

SALES = 60 * int(os.environ.get("ROUNDS", "2"))
_ISSUED = "SELECT stream, version, body->>'number' AS number, body->>'order_id' AS order_id FROM facts WHERE type = $1"


async def _opened(url: str) -> None:
    mug, everything = ProductId("prd_mug"), CategoryId("cat_all")
    async with open_store(url) as store:
        await store.append(
            Append(
                [
                    CategoryCreated(everything, "all", "All"),
                    ProductCreated(mug, "mug", "Mug", everything),
                    VariantAdded(mug, SKU, PRICE),
                    NameClaimed(f"sku:{SKU}", mug),
                ]
            )
        )
        await Handler(store)(ReceiveStock(SKU, 100_000))


def _till(url: str, out: Path) -> "subprocess.Popen[bytes]":
    with out.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.integration.papers_till", url, str(SALES)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=dies_with_parent,
        )


async def test_numbers_have_no_gap_when_tills_race_and_one_is_killed(own_database_url: str, tmp_path: Path) -> None:
    """Both tills sell the same orders, so each is invoiced by whoever is first."""
    url = own_database_url
    await _opened(url)
    connection = await asyncpg.connect(url)
    tills = [_till(url, tmp_path / f"till{n}.log") for n in range(2)]
    try:
        async with asyncio.timeout(PATIENCE_S):
            while len(await connection.fetch(_ISSUED, "InvoiceIssued")) < SALES // 5:
                assert [till.poll() for till in tills] == [None, None], (tmp_path / "till0.log").read_text()
                await asyncio.sleep(0.01)
        tills[0].kill()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.to_thread(tills[1].wait)
        assert tills[1].returncode == 0, (tmp_path / "till1.log").read_text()
    finally:
        for till in tills:
            till.kill()
            till.wait()
    await run(url, SALES)  # whatever the one that was killed had begun
    invoiced = await _without_gap(connection, "InvoiceIssued")
    credited = await _without_gap(connection, "CreditNoteIssued")
    await connection.close()
    assert sorted(invoiced) == [f"ord_{n:04}" for n in range(SALES) if n % 3 < 2]
    assert sorted(credited) == [f"ord_{n:04}" for n in range(SALES) if n % 3 == 1]
    assert await flaws(url) == []


async def _without_gap(connection: asyncpg.Connection, kind: str) -> list[str]:
    """The orders of the papers of one kind, each number of which is the version of its fact."""
    issued = sorted(await connection.fetch(_ISSUED, kind), key=lambda row: (row["stream"], row["version"]))
    for row in issued:
        year, number = row["number"].split("-")[1:]
        assert row["stream"].endswith(f"-{year}")
        assert int(number) == row["version"]
    for stream in {row["stream"] for row in issued}:
        versions = [row["version"] for row in issued if row["stream"] == stream]
        assert versions == list(range(1, len(versions) + 1))
    return [row["order_id"] for row in issued]


async def test_what_is_paid_at_two_processes_at_once_is_invoiced_once(own_database_url: str) -> None:
    url = own_database_url
    await _opened(url)
    await asyncio.gather(run(url, 6), run(url, 6))
    async with open_handler(url) as handler:
        kept = await handler.read(orders(OrderId("ord_0000")))
        given_back = await handler.read(orders(OrderId("ord_0001")))
        refused = await handler.read(orders(OrderId("ord_0002")))
    assert (kept.status, kept.invoice != "", kept.credited) == (Status.PAID, True, 0)
    assert (given_back.status, given_back.credited, given_back.held) == (Status.CANCELLED, PRICE.amount, 0)
    assert (refused.status, refused.invoice) == (Status.PENDING, "")
