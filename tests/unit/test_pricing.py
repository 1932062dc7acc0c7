"""Scheduled prices: when they start and end, what they leave behind, and which cannot be."""

from datetime import datetime, timedelta

import pytest

from commands.pricing import MAX_SCHEDULES, CancelPriceSchedule, KeepPriceSchedule, SchedulePrice
from commands.rejections import LimitExceeded, NotFound, ScheduleOverlaps
from commands.variant import ChangePrice
from events.product import (
    PriceChanged,
    PriceScheduleCancelled,
    PriceScheduled,
    PriceScheduleEnded,
    PriceScheduleStarted,
)
from events.values import Money
from tests.unit.pasts import LATER, MUG, NOON, SMALL, catalog, draft, eur, scheduled
from tests.unit.shop import given, refused

HOUR = timedelta(hours=1)
START, END = KeepPriceSchedule(MUG, SMALL, "psc_1", NOON), KeepPriceSchedule(MUG, SMALL, "psc_1", LATER)
STARTED, ENDED = PriceScheduleStarted(MUG, SMALL, "psc_1"), PriceScheduleEnded(MUG, SMALL, "psc_1")
REDUCED = PriceChanged(MUG, SMALL, eur(500), eur(700), eur(700), "psc_1")


def schedule(starts_at: datetime, ends_at: datetime | None, price: Money | None = None) -> SchedulePrice:
    return SchedulePrice(SMALL, "psc_new", price or eur(600), starts_at, ends_at, NOON - HOUR)


def test_a_price_waits_for_its_time() -> None:
    shop = given(*catalog)
    assert shop.when(SchedulePrice(SMALL, "psc_1", eur(500), NOON, LATER, NOON - HOUR)) == [scheduled]
    assert shop.when(KeepPriceSchedule(MUG, SMALL, "psc_1", NOON - timedelta(seconds=1))) == []


def test_a_scheduled_price_starts_and_the_one_before_comes_back() -> None:
    shop = given(*catalog, scheduled)
    assert shop.when(START) == [STARTED, REDUCED]
    assert shop.when(KeepPriceSchedule(MUG, SMALL, "psc_1", LATER - timedelta(seconds=1))) == []
    assert shop.when(END) == [ENDED, PriceChanged(MUG, SMALL, eur(700), eur(500), None, "psc_1")]
    assert shop.when(START, END) == []


def test_without_an_end_the_new_price_stays() -> None:
    shop = given(*catalog, PriceScheduled(MUG, SMALL, "psc_1", eur(500), NOON))
    assert shop.when(START) == [STARTED, PriceChanged(MUG, SMALL, eur(500), eur(700), None, "psc_1"), ENDED]
    assert shop.when(END) == []


def test_a_beginning_that_is_past_is_now() -> None:
    now = NOON + timedelta(minutes=1)
    assert given(*catalog).when(SchedulePrice(SMALL, "psc_1", eur(500), NOON, LATER, now)) == [
        PriceScheduled(MUG, SMALL, "psc_1", eur(500), now, LATER),
        STARTED,
        REDUCED,
    ]


def test_a_time_that_went_by_unnoticed_leaves_the_price_alone() -> None:
    assert given(*catalog, scheduled).when(END) == [ENDED]


def test_a_price_set_by_hand_ends_the_one_that_runs() -> None:
    shop = given(*catalog, scheduled, STARTED, REDUCED)
    assert shop.when(ChangePrice(SMALL, eur(650))) == [ENDED, PriceChanged(MUG, SMALL, eur(650), eur(500))]
    assert shop.when(END) == []


def test_a_price_in_another_currency_leaves_the_one_that_runs() -> None:
    shop = given(*catalog, scheduled, STARTED, REDUCED)
    assert shop.when(ChangePrice(SMALL, Money(600, "USD"))) == [PriceChanged(MUG, SMALL, Money(600, "USD"), None)]
    assert shop.when(END)[1:] == [PriceChanged(MUG, SMALL, eur(700), eur(500), None, "psc_1")]


def test_what_waits_is_called_off() -> None:
    shop = given(*catalog, scheduled)
    assert shop.when(CancelPriceSchedule(SMALL, "psc_1")) == [PriceScheduleCancelled(MUG, SMALL, "psc_1")]
    assert shop.when(START) == []


def test_what_runs_is_called_off_and_the_price_before_comes_back_with_what_stood_beside_it() -> None:
    struck = PriceChanged(MUG, SMALL, eur(700), eur(700), eur(900))
    shop = given(*catalog, struck, scheduled, STARTED, REDUCED)
    assert shop.when(CancelPriceSchedule(SMALL, "psc_1")) == [
        PriceScheduleCancelled(MUG, SMALL, "psc_1"),
        PriceChanged(MUG, SMALL, eur(700), eur(500), eur(900), "psc_1"),
    ]


def test_the_first_price_of_a_currency_stays_when_its_schedule_ends() -> None:
    shop = given(*catalog, PriceScheduled(MUG, SMALL, "psc_1", Money(500, "USD"), NOON, LATER))
    assert shop.when(START)[1:] == [PriceChanged(MUG, SMALL, Money(500, "USD"), None, None, "psc_1")]
    assert shop.when(END) == [ENDED]


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "fits"),
    [
        (NOON - HOUR / 2, NOON, True),
        (LATER, LATER + HOUR, True),
        (LATER, None, True),
        (NOON - HOUR / 2, None, True),
        (NOON - HOUR / 2, NOON + HOUR / 2, False),
        (NOON + HOUR / 4, NOON + HOUR / 2, False),
        (NOON + HOUR / 4, None, False),
        (NOON, None, False),
    ],
)
def test_two_scheduled_prices_never_run_at_once(starts_at: datetime, ends_at: datetime | None, fits: bool) -> None:
    shop = given(*catalog, scheduled)
    if fits:
        assert shop.when(schedule(starts_at, ends_at))
    else:
        with refused(ScheduleOverlaps, schedule_id="psc_1", starts_at=NOON, ends_at=LATER):
            shop.when(schedule(starts_at, ends_at))


def test_schedules_of_two_currencies_may_run_at_once() -> None:
    assert given(*catalog, scheduled).when(schedule(NOON, LATER, price=Money(600, "USD")))


def test_a_price_ends_after_it_has_begun() -> None:
    with refused(LimitExceeded):
        given(*catalog).when(schedule(NOON, NOON))


def test_a_variant_has_a_limited_number_of_scheduled_prices() -> None:
    many = [
        PriceScheduled(MUG, SMALL, f"psc_{n}", eur(500), NOON + n * HOUR, NOON + (n + 1) * HOUR)
        for n in range(MAX_SCHEDULES)
    ]
    assert given(*catalog, *many[1:]).when(schedule(NOON, NOON + HOUR))
    with refused(LimitExceeded, limit=MAX_SCHEDULES):
        given(*catalog, *many).when(schedule(NOON - HOUR, NOON))


def test_a_variant_that_is_not_there_has_no_schedule() -> None:
    with refused(NotFound, kind="variant", id=SMALL):
        given(*draft).when(schedule(NOON, LATER))
    assert given(*draft).when(START) == []
