"""Prices that wait for their time: scheduled, started and ended by the clock, or called off.

The clock is a process manager's (`infrastructure.deadlines`): it asks to keep a schedule when one is due, and
what happens then is decided here. A price set by hand while a schedule runs ends it, and what was scheduled for later
stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from commands.decider import Read
from commands.product import product_of, products
from commands.rejections import LimitExceeded, NotFound, ScheduleOverlaps
from commands.variant import Schedule, Variant
from events import Event
from events.product import (
    PriceChanged,
    PriceScheduleCancelled,
    PriceScheduled,
    PriceScheduleEnded,
    PriceScheduleStarted,
)
from events.values import Money, ProductId, Sku

MAX_SCHEDULES = 20


@dataclass(frozen=True, slots=True)
class SchedulePrice:
    """Let a variant cost this from `starts_at` on. From `ends_at` on it costs again what it did; without an end the
    new price stays. A beginning that is past is `now`."""

    sku: Sku
    schedule_id: str
    price: Money
    starts_at: datetime
    ends_at: datetime | None
    now: datetime
    compare_at: Money | None = None


@dataclass(frozen=True, slots=True)
class KeepPriceSchedule:
    """Do what is due by now: start it, or end it. One whose whole time went by unnoticed ends without any price."""

    product_id: ProductId
    sku: Sku
    schedule_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class CancelPriceSchedule:
    """Call it off. If it is running, the variant costs again what it did before."""

    sku: Sku
    schedule_id: str


PricingCommand = SchedulePrice | KeepPriceSchedule | CancelPriceSchedule


def decide(command: PricingCommand, read: Read) -> Sequence[Event]:
    match command:
        case SchedulePrice(sku, schedule_id, price, starts_at, ends_at, now, compare_at):
            product_id, variant = _variant(sku, read)
            if schedule_id in variant.schedules:
                return []
            schedule = Schedule(price, max(starts_at, now), ends_at, compare_at)
            _check(schedule, variant, now)
            facts = PriceScheduled(product_id, sku, schedule_id, price, schedule.starts_at, ends_at, compare_at)
            started = _started(product_id, sku, schedule_id, schedule, variant) if schedule.starts_at <= now else []
            return [facts, *started]
        case KeepPriceSchedule(product_id, sku, schedule_id, now):
            held = read(products(product_id)).variants.get(sku)
            due = held.schedules.get(schedule_id) if held else None
            return [] if held is None or due is None else _kept(product_id, sku, schedule_id, due, held, now)
        case CancelPriceSchedule(sku, schedule_id):
            product_id, variant = _variant(sku, read)
            known = variant.schedules.get(schedule_id)
            if known is None:
                return []
            cancelled = PriceScheduleCancelled(product_id, sku, schedule_id)
            return [cancelled, *_price_before(product_id, sku, schedule_id, known, variant)]
        case _:
            assert_never(command)


def _kept(
    product_id: ProductId, sku: Sku, schedule_id: str, schedule: Schedule, variant: Variant, now: datetime
) -> Sequence[Event]:
    if schedule.ends_at is not None and schedule.ends_at <= now:
        ended = PriceScheduleEnded(product_id, sku, schedule_id)
        return [ended, *_price_before(product_id, sku, schedule_id, schedule, variant)]
    if not schedule.running and schedule.starts_at <= now:
        return _started(product_id, sku, schedule_id, schedule, variant)
    return []


def _started(
    product_id: ProductId, sku: Sku, schedule_id: str, schedule: Schedule, variant: Variant
) -> Sequence[Event]:
    """Beside a reduction that ends, the price it reduces is shown, unless the merchant names another."""
    price, previous = schedule.price, variant.prices.get(schedule.price.currency)
    reduces = schedule.ends_at is not None and previous is not None and previous.amount > price.amount
    compare_at = schedule.compare_at or (previous if reduces else None)
    facts: list[Event] = [PriceScheduleStarted(product_id, sku, schedule_id)]
    facts.append(PriceChanged(product_id, sku, price, previous, compare_at, schedule_id))
    if schedule.ends_at is None:
        facts.append(PriceScheduleEnded(product_id, sku, schedule_id))
    return facts


def _price_before(
    product_id: ProductId, sku: Sku, schedule_id: str, schedule: Schedule, variant: Variant
) -> Sequence[Event]:
    """A first price in its currency stays when its schedule ends: there is none to go back to."""
    if not schedule.running or schedule.before is None:
        return []
    return [PriceChanged(product_id, sku, schedule.before, schedule.price, schedule.compare_before, schedule_id)]


def _variant(sku: Sku, read: Read) -> tuple[ProductId, Variant]:
    """Raises NotFound."""
    product_id = product_of(sku, read)
    variant = read(products(product_id)).variants.get(sku)
    if variant is None:
        raise NotFound("variant", sku)
    return product_id, variant


def _check(wanted: Schedule, variant: Variant, now: datetime) -> None:
    """Raises LimitExceeded or ScheduleOverlaps."""
    if wanted.ends_at is not None and wanted.ends_at <= wanted.starts_at:
        raise LimitExceeded("A scheduled price ends after it has begun, and not in the past.")
    if len(variant.schedules) >= MAX_SCHEDULES:
        raise LimitExceeded(f"A variant has at most {MAX_SCHEDULES} scheduled prices.", limit=MAX_SCHEDULES)
    for schedule_id, other in variant.schedules.items():
        if other.price.currency == wanted.price.currency and _overlap(wanted, other):
            raise ScheduleOverlaps(schedule_id, other.starts_at, other.ends_at)


def _overlap(one: Schedule, other: Schedule) -> bool:
    """A schedule without an end is a change at one moment: it may not fall into the time of another."""
    first, second = sorted((one, other), key=lambda schedule: schedule.starts_at)
    return second.starts_at == first.starts_at or (first.ends_at is not None and second.starts_at < first.ends_at)
