"""The lowest price of thirty days, and the one before a reduction, as the European Union's directive has it."""

from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

import pytest

from api.price_life import PriceStanding, Reduction, standings
from events import Event, stream_of
from events.product import PriceChanged, VariantAdded
from events.store import Metadata, Recorded
from events.values import Money as Amount
from queries.rows import Money
from tests.unit.pasts import LARGE, MUG, NOON, SMALL

DAY = timedelta(days=1)


def past(*prices: tuple[float, int], currency: str = "EUR") -> list[Recorded]:
    """Days after noon, and the amount from then on; the first is the variant's first."""
    events: list[tuple[float, Event]] = []
    previous: Amount | None = None
    for day, amount in prices:
        price = Amount(amount, currency)
        events.append((day, PriceChanged(MUG, SMALL, price, previous) if previous else VariantAdded(MUG, SMALL, price)))
        previous = price
    numbers = count(1)
    return [_fact(event, NOON + day * DAY, next(numbers)) for day, event in events]


def _fact(event: Event, at: datetime, version: int) -> Recorded:
    return Recorded(event, UUID(int=version), stream_of(event), version, version, Metadata(), at, at)


def standing(facts: list[Recorded], day: float) -> PriceStanding:
    (found,) = standings(facts, SMALL, NOON + day * DAY)
    return found


def eur(amount: int) -> Money:
    return Money(amount, "EUR")


@pytest.mark.parametrize(
    ("day", "price", "lowest"),
    [(0, 900, 900), (5, 900, 900), (12, 700, 700), (25, 800, 700), (49.9, 800, 700), (50, 800, 800), (90, 800, 800)],
)
def test_a_price_counts_for_as_long_as_it_was_in_force(day: float, price: int, lowest: int) -> None:
    found = standing(past((0, 900), (10, 700), (20, 800)), day)
    assert (found.price, found.lowest_30_days) == (eur(price), eur(lowest))


def test_the_lowest_before_a_reduction_looks_back_from_its_announcement() -> None:
    facts = past((0, 1_000), (10, 700), (15, 1_000), (60, 800))
    assert standing(facts, 100).reduction == Reduction(NOON + 60 * DAY, eur(1_000), eur(1_000))
    facts = past((0, 1_000), (40, 700), (45, 1_000), (60, 800))
    assert standing(facts, 100).reduction == Reduction(NOON + 60 * DAY, eur(1_000), eur(700)), (
        "a price put up to be cut"
    )


def test_of_several_reductions_the_latest_counts() -> None:
    found = standing(past((0, 1_000), (40, 900), (50, 800)), 51)
    assert found.reduction == Reduction(NOON + 50 * DAY, eur(900), eur(900))
    assert found.since == NOON + 50 * DAY


def test_a_price_that_went_up_is_no_reduction() -> None:
    assert standing(past((0, 700), (10, 900)), 11).reduction is None
    assert standing(past((0, 700)), 11).reduction is None


def test_what_is_to_come_is_not_known_and_neither_is_another_variant() -> None:
    facts = past((0, 700), (10, 500))
    other = _fact(VariantAdded(MUG, LARGE, Amount(1, "EUR")), NOON, 3)
    assert standing([*facts, other], 9).lowest_30_days == eur(700)
    assert standings(facts, SMALL, NOON - DAY) == []


def test_each_currency_stands_for_itself() -> None:
    found = standings([*past((0, 700)), *past((1, 50), (2, 40), currency="USD")], SMALL, NOON + 3 * DAY)
    assert [(each.price, each.reduction is None) for each in found] == [(eur(700), True), (Money(40, "USD"), False)]


def test_a_price_that_was_never_in_force_does_not_count() -> None:
    assert standing(past((0, 700), (10, 1), (10, 600)), 11).lowest_30_days == eur(600)


def test_the_same_price_with_another_one_beside_it_is_no_change() -> None:
    facts = past((0, 1_000), (10, 800))
    shown = PriceChanged(MUG, SMALL, Amount(800, "EUR"), Amount(800, "EUR"), Amount(1_000, "EUR"))
    found = standing([*facts, _fact(shown, NOON + 12 * DAY, 3)], 20)
    assert (found.since, found.compare_at) == (NOON + 10 * DAY, eur(1_000))
    assert found.reduction == Reduction(NOON + 10 * DAY, eur(1_000), eur(1_000))
