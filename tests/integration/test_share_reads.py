"""What a process of a divided rebuild reads of the book: its own share, in order, and hardly more."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infrastructure.database import connect
from infrastructure.event_store import READ_PAGE, READ_SHARE

FACTS, PAGE_FACTS, SHARES = 30_000, 100, 2
GROW = f"""INSERT INTO facts
    SELECT n, gen_random_uuid(), 'order-ord_' || n % 5000, 1 + n / 5000, 'OrderCompleted', 1,
           json_build_object('order_id', 'ord_' || n % 5000), '{{}}', now(), now()
      FROM generate_series(1, {FACTS}) AS n"""


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_a_page_of_a_share_does_not_read_the_rest_of_the_book(own_database_url: str, mode: str) -> None:
    """PostgreSQL knows nothing of hashes: it took a share for a handful of facts, and sorted the whole rest of the book
    for every page of it."""
    connection = await connect(own_database_url)
    try:
        await connection.execute(GROW)
        await connection.execute(f"UPDATE head SET position = {FACTS}")
        await connection.execute("VACUUM ANALYZE facts")
        await connection.execute(f"SET plan_cache_mode = {mode}")
        await connection.execute(f"PREPARE page (bigint, bigint, text, bigint, bigint, bigint) AS {READ_SHARE}")
        read: dict[int, int] = {}
        for after in (0, FACTS // 2):
            asked = after, FACTS, "OrderPlaced,CartCreated", PAGE_FACTS, 1, SHARES
            rows = await connection.fetch(READ_SHARE, *asked)
            explained = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page {asked}")
            read[after] = sum(_rows_read(json.loads(explained)[0]["Plan"]))
            assert [row["position"] for row in rows] == sorted(row["position"] for row in rows)
            assert len(rows) == PAGE_FACTS
        assert max(read.values()) < 2 * SHARES * PAGE_FACTS, read
    finally:
        await connection.close()


async def test_the_shares_are_the_book_in_parts(own_database_url: str) -> None:
    connection = await connect(own_database_url)
    try:
        await connection.execute(GROW)
        await connection.execute(
            f"INSERT INTO facts SELECT {FACTS + 1}, gen_random_uuid(), 'person-usr_1', 1, 'SubjectForgotten', 1, "
            """'{"person_id":"usr_1"}', '{}', now(), now()"""
        )
        await connection.execute(f"UPDATE head SET position = {FACTS + 1}")
        whole = await connection.fetch(READ_PAGE, 0, FACTS + 1, "", FACTS + 1)
        parts = [
            await connection.fetch(READ_SHARE, 0, FACTS + 1, "", FACTS + 1, number, SHARES) for number in range(SHARES)
        ]
        forgotten = whole[-1]["position"]
        assert [part[-1]["position"] for part in parts] == [forgotten] * SHARES
        assert sorted(row["position"] for part in parts for row in part[:-1]) == list(range(1, forgotten))
        streams = [{row["stream"] for row in part[:-1]} for part in parts]
        assert streams[0].isdisjoint(streams[1])
        assert min(map(len, streams)) > 2_000
    finally:
        await connection.close()


def _rows_read(plan: Mapping[str, Any]) -> Iterator[int]:
    """From the table of facts, wanted or not."""
    if plan["Node Type"].endswith("Scan") and plan.get("Relation Name", "").startswith("facts"):
        yield plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    for part in plan.get("Plans", ()):
        yield from _rows_read(part)
