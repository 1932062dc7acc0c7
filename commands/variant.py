"""One variant of a product: what it costs in each currency, and which prices wait for their time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from events import Event
from events.product import (
    STANDARD_TAX,
    PriceChanged,
    PriceScheduleCancelled,
    PriceScheduled,
    PriceScheduleEnded,
    PriceScheduleStarted,
    VariantAdded,
    VariantChanged,
)
from events.values import Money, ProductId, Sku

VariantFact = (
    VariantChanged | PriceChanged | PriceScheduled | PriceScheduleStarted | PriceScheduleEnded | PriceScheduleCancelled
)
"""What can happen to a variant once it is there."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A price that waits for its time, or is running; `before` is what the variant cost until it started."""

    price: Money
    starts_at: datetime
    ends_at: datetime | None
    compare_at: Money | None
    running: bool = False
    before: Money | None = None
    compare_before: Money | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    options: Mapping[str, str]
    prices: Mapping[str, Money]
    """By currency."""
    tax_class: str = STANDARD_TAX
    weight_g: int | None = None
    compare_at: Mapping[str, Money] = field(default_factory=dict)
    """By currency."""
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    """By id, only those that have not ended."""


def added(event: VariantAdded) -> Variant:
    compare_at = {event.compare_at.currency: event.compare_at} if event.compare_at else {}
    prices = {event.price.currency: event.price}
    return Variant(event.options or {}, prices, event.tax_class, event.weight_g, compare_at)


def evolved(variant: Variant, event: VariantFact) -> Variant:
    match event:
        case VariantChanged(_, _, options, tax_class, weight_g):
            return replace(variant, options=options, tax_class=tax_class, weight_g=weight_g)
        case PriceChanged(_, _, price, _, compare_at):
            others = {code: money for code, money in variant.compare_at.items() if code != price.currency}
            shown = {**others, price.currency: compare_at} if compare_at else others
            return replace(variant, prices={**variant.prices, price.currency: price}, compare_at=shown)
        case PriceScheduled(_, _, schedule_id, price, starts_at, ends_at, compare_at):
            return _waiting(variant, schedule_id, Schedule(price, starts_at, ends_at, compare_at))
        case PriceScheduleStarted(_, _, schedule_id):
            schedule = variant.schedules[schedule_id]
            currency = schedule.price.currency
            before, compared = variant.prices.get(currency), variant.compare_at.get(currency)
            started = replace(schedule, running=True, before=before, compare_before=compared)
            return _waiting(variant, schedule_id, started)
        case PriceScheduleEnded(_, _, schedule_id) | PriceScheduleCancelled(_, _, schedule_id):
            rest = {each: schedule for each, schedule in variant.schedules.items() if each != schedule_id}
            return replace(variant, schedules=rest)
        case _:
            assert_never(event)


def _waiting(variant: Variant, schedule_id: str, schedule: Schedule) -> Variant:
    return replace(variant, schedules={**variant.schedules, schedule_id: schedule})


def priced(
    product_id: ProductId, sku: Sku, variant: Variant, price: Money, compare_at: Money | None
) -> Sequence[Event]:
    previous = variant.prices.get(price.currency)
    if (previous, variant.compare_at.get(price.currency)) == (price, compare_at):
        return []
    ended = [
        PriceScheduleEnded(product_id, sku, schedule_id)
        for schedule_id, schedule in variant.schedules.items()
        if schedule.running and schedule.price.currency == price.currency
    ]
    return [*ended, PriceChanged(product_id, sku, price, previous, compare_at)]
