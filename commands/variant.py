"""One variant of a product: what it is, what it costs in each currency, and which prices wait for their time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from commands.claim import claimed, sku_name
from commands.decider import Read
from commands.rejections import LimitExceeded
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

MAX_VARIANTS = 200


@dataclass(frozen=True, slots=True)
class AddVariant:
    product_id: ProductId
    sku: Sku
    price: Money
    options: dict[str, str] | None = None
    tax_class: str = STANDARD_TAX
    weight_g: int | None = None
    compare_at: Money | None = None


@dataclass(frozen=True, slots=True)
class ChangeVariant:
    """Change what is given; None leaves a thing as it is."""

    sku: Sku
    options: dict[str, str] | None = None
    tax_class: str | None = None
    weight_g: int | None = None


@dataclass(frozen=True, slots=True)
class ChangePrice:
    """From now on. A scheduled price of that currency that is running ends by it; those to come stay."""

    sku: Sku
    price: Money
    compare_at: Money | None = None


VariantCommand = AddVariant | ChangeVariant | ChangePrice

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


def varied(
    command: VariantCommand, product_id: ProductId, variants: Mapping[Sku, Variant], read: Read
) -> Sequence[Event]:
    """What a product that is there decides about its variants."""
    sku = command.sku
    match command:
        case AddVariant(_, _, price, options, tax_class, weight_g, compare_at):
            if sku in variants:
                return []
            if len(variants) >= MAX_VARIANTS:
                raise LimitExceeded(f"A product has at most {MAX_VARIANTS} variants.", limit=MAX_VARIANTS)
            fact = VariantAdded(product_id, sku, price, options, tax_class, weight_g, compare_at)
            return [*claimed(sku_name(sku), product_id, read), fact]
        case ChangeVariant(_, options, tax_class, weight_g):
            was = variants[sku]
            changed = VariantChanged(
                product_id,
                sku,
                dict(was.options) if options is None else options,
                was.tax_class if tax_class is None else tax_class,
                was.weight_g if weight_g is None else weight_g,
            )
            return [changed] if evolved(was, changed) != was else []
        case ChangePrice(_, price, compare_at):
            return priced(product_id, sku, variants[sku], price, compare_at)
        case _:
            assert_never(command)


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
