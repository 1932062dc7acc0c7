"""A fact of the stock that is right within bounds is decided alike on every stock whose balance stays within them."""

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from commands.stock import MAX_UNITS, Stock, bounds, evolve, noticed, stocks
from events.stock import StockCommitted, StockEvent, StockLapsed, StockReleased, StockReserved
from events.values import DEFAULT_LOCATION, OrderId, Sku

SKU, ORDER = Sku("MUG-S"), OrderId("ord_1")
_units = st.integers(1, 9)
_facts: st.SearchStrategy[StockEvent] = st.one_of(
    st.builds(StockReserved, st.just(SKU), st.just(ORDER), _units),
    st.builds(StockReleased, st.just(SKU), st.just(ORDER), _units, st.just("")),
    st.builds(StockLapsed, st.just(SKU), st.just(ORDER), _units),
    st.builds(StockCommitted, st.just(SKU), st.just(ORDER), _units),
)
_stocks = st.builds(Stock, st.integers(0, 20), st.integers(0, 20), st.none() | st.integers(0, 15), st.booleans())


@given(stock=_stocks, fact=_facts, on_hand=st.integers(0, 20), reserved=st.integers(0, 20))
def test_within_the_bounds_nothing_else_is_said(stock: Stock, fact: StockEvent, on_hand: int, reserved: int) -> None:
    assume(stock.threshold is not None or not stock.is_low)
    within = bounds(stock, fact)
    assert within is not None
    low, high = within
    for other in (stock, replace(stock, on_hand=on_hand, reserved=reserved)):
        after = evolve(other, fact).available
        if 0 <= after <= MAX_UNITS:
            assert (low <= after <= high) == (_said(other, fact) == [fact])


def _said(stock: Stock, fact: StockEvent) -> list[StockEvent]:
    class Known:
        def __call__(self, ref: object) -> Stock:
            assert ref == stocks(SKU, DEFAULT_LOCATION)
            return stock

        def all(self, refs: list[object]) -> list[Stock]:
            return [self(ref) for ref in refs]

    return noticed(fact, Known())  # type: ignore[arg-type]
