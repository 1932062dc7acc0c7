"""What one decision keeps of each stream: where its facts lead, and within which bounds they hold."""

import pytest

from commands.reading import Reading
from commands.states import Replayed
from commands.stock import MAX_UNITS, Stock, stocks
from commands.streams import Entry, Streams
from events.stock import StockReserved
from events.store import Escrow
from events.values import OrderId, Sku
from infrastructure.memory_store import MemoryEventStore

STOCK = stocks(Sku("HOT"), "main")
ONE = StockReserved(Sku("HOT"), OrderId("ord_1"), 1)


@pytest.fixture
def reading() -> Reading:
    """Of a decision that has looked at a stock of ten units, at version 3."""
    store = MemoryEventStore()
    streams = Streams(store, Replayed(store), 10)
    streams.put(STOCK.stream, Entry(3, Stock(10)))
    reading = Reading(streams)
    assert reading(STOCK).available == 10
    return reading


def test_a_stream_that_is_only_looked_at_says_nothing_of_its_balance(reading: Reading) -> None:
    assert (reading.versions(), reading.escrows()) == ({STOCK.stream: 3}, {})


def test_one_fact_holds_within_its_bounds(reading: Reading) -> None:
    reading.evolve([ONE])
    assert reading.versions() == {STOCK.stream: 4}
    assert reading.escrows() == {STOCK.stream: Escrow(10, -1, (0, MAX_UNITS))}


def test_several_facts_of_one_stream_hold_at_one_version_only(reading: Reading) -> None:
    reading.evolve([ONE, ONE])
    assert reading.versions() == {STOCK.stream: 5}
    assert reading.escrows() == {STOCK.stream: Escrow(10, -2)}


def test_whoever_insists_on_the_version_gets_no_bounds(reading: Reading) -> None:
    assert reading.insist(STOCK) == 3
    reading.evolve([ONE])
    assert reading.escrows() == {STOCK.stream: Escrow(10, -1)}
