"""A page of facts on its way into rows: what is written, what is parked and why, and what is none of its business."""

import contextlib
from collections.abc import AsyncIterator, Container, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import asyncpg
import pytest
from structlog.testing import capture_logs

from events import Event, stream_of
from events.claim import NameClaimed
from events.stock import StockAdjusted, StockReceived
from events.store import Fact, Metadata, Recorded
from events.values import Sku
from infrastructure.codec import Unread
from infrastructure.fold import ERROR_CHARACTERS_MAX, Parked, key_text
from infrastructure.folding import Folded, fold_page
from infrastructure.read_table import ReadTable, TableMismatch
from projections.projection import Key, Projection
from tests.integration.tally import Spoil, TallyRow, tally

NOW = datetime(2026, 5, 1, tzinfo=UTC)
A, B = key_text(("A",)), key_text(("B",))


class Table:
    """A read table in memory, which may refuse some rows, as a database does that has no room for a value."""

    def __init__(self, *refused: str) -> None:
        self.rows: dict[Key, TallyRow] = {}
        self.refused = refused
        self.written: list[str] = []
        self.deleted: list[Key] = []

    async def fetch(self, connection: object, keys: Sequence[Key]) -> dict[Key, TallyRow]:
        return {key: self.rows[key] for key in keys if key in self.rows}

    async def write(self, connection: object, rows: Mapping[Key, TallyRow | None], there: Container[Key]) -> None:
        assert connection is self
        if any(row.sku in self.refused for row in rows.values() if row is not None):
            raise asyncpg.DataError("no room")
        for key, row in rows.items():
            if row is not None:
                self.written.append(row.sku)
                self.rows[key] = row
            elif key in there:
                self.deleted.append(key)
                del self.rows[key]

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        yield

    def received(self) -> dict[str, int]:
        return {row.sku: row.received for row in self.rows.values()}


def book(*events: Event) -> list[Recorded]:
    versions: dict[str, int] = {}
    facts = []
    for position, event in enumerate(events, 1):
        stream = stream_of(event)
        version = versions[stream] = versions.get(stream, 0) + 1
        facts.append(Recorded(event, UUID(int=position), stream, version, position, Metadata(), NOW, NOW))
    return facts


def got(sku: str, units: int) -> StockReceived:
    return StockReceived(Sku(sku), units)


async def folded(
    table: Table,
    facts: Sequence[Recorded | Unread],
    spoil: Spoil = lambda fact: None,
    parked: Sequence[str] = (),
    projection: Projection[Any] | None = None,
    **options: Any,
) -> Folded:
    connection, read_table = cast(Any, table), cast(Any, table)
    return await fold_page(connection, projection or tally("t", spoil), read_table, facts, parked, **options)


def spoiled(*positions: int, error: str = "cannot") -> Spoil:
    def spoil(fact: Fact[Event]) -> None:
        if fact.position in positions:
            raise RuntimeError(error)

    return spoil


def waits(key: str, fact: Recorded, error: str | None = None) -> Parked:
    return Parked(key, fact.position, fact.stream, fact.version, type(fact.event).__name__, error)


async def test_rows_go_on_from_what_they_were() -> None:
    table = Table()
    table.rows[("A",)] = TallyRow("A", 5, [], 1)
    done = await folded(table, book(got("A", 1), got("B", 2), NameClaimed("n", "me"), got("A", 3)))
    assert table.received() == {"A": 9, "B": 2}
    assert (list(done.touched), done.parked) == ([("A",), ("B",)], [])


async def test_a_row_that_is_none_is_deleted_unless_it_never_was() -> None:
    table = Table()
    table.rows[("A",)] = TallyRow("A", 5, [], 1)
    await folded(table, book(StockAdjusted(Sku("B"), 1, "why")))
    assert (table.written, table.deleted) == ([], [])
    await folded(table, book(StockAdjusted(Sku("A"), 1, "why")))
    assert (table.written, table.deleted) == ([], [("A",)])


async def test_a_fact_that_fails_is_parked_with_its_error_and_the_next_of_its_key_wait_behind_it() -> None:
    table, facts = Table(), book(got("A", 1), got("A", 2), got("B", 3), got("A", 4))
    with capture_logs() as logged:
        done = await folded(table, facts, spoiled(2))
    assert logged == [
        {
            "event": "fact_parked",
            "log_level": "error",
            "projection": "t",
            "key": A,
            "position": 2,
            "error": "RuntimeError: cannot",
        }
    ]
    assert table.received() == {"A": 1, "B": 3}
    assert done.parked == [waits(A, facts[1], "RuntimeError: cannot"), waits(A, facts[3])]


async def test_an_error_is_told_in_so_many_characters_at_most() -> None:
    done = await folded(Table(), book(got("A", 1)), spoiled(1, error="x" * 5_000))
    assert [len(parked.error or "") for parked in done.parked] == [ERROR_CHARACTERS_MAX]


async def test_what_is_parked_from_earlier_pages_goes_on_waiting() -> None:
    table, facts = Table(), book(got("A", 1), got("B", 2))
    done = await folded(table, facts, parked=[A])
    assert table.received() == {"B": 2}
    assert done.parked == [waits(A, facts[0])]


async def test_a_fact_whose_rows_cannot_be_told_parks_its_stream() -> None:
    def keys(event: Event) -> list[Key]:
        if event == got("A", 2):
            raise KeyError("whose")
        return [("A",) if isinstance(event, StockReceived) and event.sku == "A" else ("B",)]

    troubled = Projection("t", TallyRow, ("sku",), (StockReceived,), keys, tally("t").evolve)
    table, facts = Table(), book(got("A", 1), got("A", 2), got("B", 3), got("A", 4))
    done = await folded(table, facts, projection=troubled)
    assert table.received() == {"A": 1, "B": 3}
    stream = f"stream:{facts[1].stream}"
    assert done.parked == [waits(stream, facts[1], "KeyError: 'whose'"), waits(stream, facts[3])]


async def test_a_fact_that_cannot_be_read_parks_its_stream_if_it_may_matter() -> None:
    table, facts = Table(), book(got("A", 1), got("A", 2))
    unread = Unread(9, facts[0].stream, 1, "StockMoved", "no such fact")
    dashed = Unread(7, "stock-a-b-c", 1, "StockMoved", "no such fact")
    elsewhere = Unread(8, "order-1", 1, "OrderMoved", "no such fact")
    done = await folded(table, [dashed, elsewhere, unread, facts[1]])
    stream = f"stream:{facts[0].stream}"
    assert done.parked == [
        Parked("stream:stock-a-b-c", 7, "stock-a-b-c", 1, "StockMoved", "no such fact"),
        Parked(stream, 9, facts[0].stream, 1, "StockMoved", "no such fact"),
        waits(stream, facts[1]),
    ]
    assert table.rows == {}


async def test_a_repair_touches_one_row_alone() -> None:
    table = Table()
    await folded(table, book(got("A", 1), got("B", 2), got("A", 3)), only_key=A)
    assert table.received() == {"A": 4}


async def test_what_someone_has_skipped_is_left_out_for_that_key_or_for_its_whole_stream() -> None:
    table, facts = Table(), book(got("A", 1), got("A", 2), got("B", 4))
    await folded(table, facts, skipped=[(A, 2), (B, 2), (A, 3), (f"stream:{facts[0].stream}", 1)])
    assert table.received() == {"B": 4}


async def test_a_row_that_does_not_fit_its_table_waits_and_the_others_are_written() -> None:
    table, facts = Table("A"), book(got("A", 1), got("B", 2), got("A", 3), StockAdjusted(Sku("C"), 1, "why"))
    table.rows[("C",)] = TallyRow("C", 5, [], 1)
    done = await folded(table, facts)
    assert table.received() == {"B": 2}
    assert [(parked.key, parked.position) for parked in done.parked] == [(A, 1), (A, 3)]
    assert [parked.error for parked in done.parked] == ["DataError: no room", None]


async def test_of_the_rows_that_one_fact_touches_each_is_decided_for_itself() -> None:
    def evolve(row: TallyRow | None, fact: Fact[Event], key: Key) -> TallyRow:
        return TallyRow(key[0], (row.received if row else 0) + 1, [], 1)

    both = Projection("t", TallyRow, ("sku",), (StockReceived,), lambda event: [("A",), ("B",), ("C",)], evolve)
    for options, expected in (
        ({"only_key": B}, {"B": 1}),
        ({"skipped": [(A, 1)]}, {"B": 1, "C": 1}),
        ({"parked": [A]}, {"B": 1, "C": 1}),
    ):
        table = Table()
        await folded(table, book(got("X", 1)), projection=both, **options)
        assert table.received() == expected


async def test_a_journals_rows_are_not_looked_up_since_they_never_change() -> None:
    class Unseen(Table):
        async def fetch(self, connection: object, keys: Sequence[Key]) -> dict[Key, TallyRow]:
            raise AssertionError("each fact has rows of its own")

    table = Unseen()
    journal = replace(tally("tally"), journal=True, keys=lambda event: [()])
    folded = await fold_page(cast(Any, table), journal, cast(Any, table), book(got("A", 1), got("A", 2)), ())
    assert [row.received for row in table.rows.values()] == [1, 2]
    assert list(folded.changed) == [(1,), (2,)]


def test_a_table_with_a_column_that_rows_cannot_travel_to_is_refused_at_once() -> None:
    types = {"sku": "text", "received": "bigint", "notes": "text[]", "version": "integer"}
    with pytest.raises(TableMismatch, match="notes"):
        ReadTable(tally("t"), types)
    ReadTable(tally("t"), types | {"notes": "json"})
