"""What the facts in a store say was sold, folded in the plainest way: to be compared with `till_totals`."""

from collections import Counter

from events.category import CategoryCreated
from events.order import OrderCompleted, OrderPaid, OrderPlaced
from events.stock import StockCommitted
from events.store import EventStore, Recorded
from tests.till_totals import Totals

PAGE = 5_000


async def book_of(store: EventStore) -> list[Recorded]:
    """Every fact, in order."""
    facts: list[Recorded] = []
    while page := await store.read_all(len(facts), limit=PAGE):
        facts += page
    return facts


def totals_of(facts: list[Recorded]) -> Totals:
    """Of the orders that were placed, paid and completed; departments are the roots of the category tree."""
    totals = Totals()
    roots: dict[str, str] = {}
    steps: Counter[str] = Counter()
    for fact in facts:
        match fact.event:
            case CategoryCreated(category_id, _, name, parent_id):
                roots[category_id] = name.upper() if parent_id is None else roots[parent_id]
            case OrderPlaced(order_id, _, lines, total):
                steps[order_id] += 1
                totals.orders += 1
                totals.total_minor += total.amount
                week = fact.occurred_at.isocalendar()[:2]
                for line in lines:
                    totals.lines += 1
                    totals.by_week_and_department[week, roots[line.category_id]] += line.total.amount
                    totals.by_sku[line.sku] += line.total.amount
            case StockCommitted(sku, _, quantity):
                totals.units_by_sku[sku] += quantity
            case OrderPaid(order_id) | OrderCompleted(order_id):
                steps[order_id] += 1
    assert set(steps.values()) <= {3}, "every order goes through its whole life"
    return totals
