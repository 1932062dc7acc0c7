"""What a price has been: what it is as of a moment, and the lowest of thirty days.

The lowest price of the 30 days before a reduction is what a shop in the European Union must show beside the reduced
one (Directive 98/6/EC, article 6a, "Omnibus"). A price counts for as long as it was in force, so one that was set long
before the thirty days began counts if it was in force when they did. A reduction is announced when its price comes into
force; of several one after the other, the thirty days before the latest are looked at.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from events.product import PriceChanged, VariantAdded
from events.store import Recorded
from queries.rows import Money

WINDOW = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Reduction:
    """`lowest_before` is the lowest price in force in the 30 days before `announced_at`."""

    announced_at: datetime
    previous: Money
    lowest_before: Money


@dataclass(frozen=True, slots=True)
class PriceStanding:
    """Of one currency: the price, since when, the lowest of the 30 days up to the moment asked about, and the reduction
    that led to the price, if it was one."""

    price: Money
    since: datetime
    compare_at: Money | None
    lowest_30_days: Money
    reduction: Reduction | None


@dataclass(frozen=True, slots=True)
class _Set:
    at: datetime
    amount: int
    compare_at: int | None


def standings(facts: Iterable[Recorded], sku: str, as_of: datetime) -> list[PriceStanding]:
    """For every currency that the variant has had a price in by then, by its code. `facts` are those of the product."""
    prices: dict[str, list[_Set]] = {}
    for fact in facts:
        event = fact.event
        if isinstance(event, VariantAdded | PriceChanged) and event.sku == sku and fact.occurred_at <= as_of:
            compare_at = event.compare_at.amount if event.compare_at else None
            found = _Set(fact.occurred_at, event.price.amount, compare_at)
            prices.setdefault(event.price.currency, []).append(found)
    return [_standing(prices[currency], currency, as_of) for currency in sorted(prices)]


def _standing(prices: Sequence[_Set], currency: str, as_of: datetime) -> PriceStanding:
    last = prices[-1]
    changes = [n for n in range(1, len(prices)) if prices[n].amount != prices[n - 1].amount]
    changed = changes[-1] if changes else 0
    reduction = None
    if changed and prices[changed].amount < (previous := prices[changed - 1].amount):
        at = prices[changed].at
        lowest = _lowest(prices[:changed], at - WINDOW, at)
        reduction = Reduction(at, Money(previous, currency), Money(lowest, currency))
    return PriceStanding(
        Money(last.amount, currency),
        prices[changed].at,
        Money(last.compare_at, currency) if last.compare_at is not None else None,
        Money(min(last.amount, _lowest(prices, as_of - WINDOW, as_of)), currency),
        reduction,
    )


def _lowest(prices: Sequence[_Set], begin: datetime, end: datetime) -> int:
    """The lowest price in force between two moments. A price is in force until the next one is set."""
    ends = [each.at for each in prices[1:]] + [end]
    in_force = [each.amount for each, until in zip(prices, ends, strict=True) if until > max(begin, each.at)]
    return min(in_force, default=prices[-1].amount)
