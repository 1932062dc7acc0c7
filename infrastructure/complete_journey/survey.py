"""Going through the whole data once: every article gets a name, a price and a stock that lasts."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from statistics import median_low
from typing import NamedTuple

from infrastructure.complete_journey.history import Article, History, PricedBy, RawLine, unit_price

SPARE_UNITS = 100
"""Opening stock is what the data sells and this many more."""
UNKNOWN_DEPARTMENT = "UNKNOWN"


class RawArticle(NamedTuple):
    """A row of the product list. What it does not say is an empty text."""

    number: int
    department: str
    category: str = ""
    type: str = ""
    brand: str = ""
    package_size: str = ""


def surveyed(catalog: Iterable[RawArticle], rows: Callable[[], Iterable[RawLine]]) -> History:
    """The history of raw rows: every article gets a price and a stock that lasts, also those nobody has listed."""
    history = History({}, rows)
    listed = {raw.number: raw for raw in catalog}
    prices: dict[int, int] = {}
    units: Counter[int] = Counter()
    not_sold: set[int] = set()
    for basket in history.baskets():
        for line in basket.lines:
            prices[line.article] = unit_price(line.total_minor, line.quantity)
            units[line.article] += line.quantity
        not_sold.update(row.article for row in basket.left_out)
    for number in sorted((units.keys() | not_sold) - listed.keys()):
        listed[number] = RawArticle(number, UNKNOWN_DEPARTMENT)
    priced = _priced(listed, prices)
    articles = {
        number: Article(
            number,
            _name(raw),
            raw.department,
            raw.category,
            raw.brand,
            raw.package_size,
            *priced(raw),
            units[number] + SPARE_UNITS,
        )
        for number, raw in listed.items()
    }
    return History(articles, rows)


def _priced(
    listed: Mapping[int, RawArticle], prices: Mapping[int, int]
) -> Callable[[RawArticle], tuple[int, PricedBy]]:
    """How to price an article: by itself, or else by its nearest relatives that were sold."""
    relatives: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, price in prices.items():
        raw = listed[number]
        for relation in ((raw.department, raw.category), (raw.department,), ()):
            relatives[relation].append(price)
    medians = {relation: median_low(found) for relation, found in relatives.items()}

    def price_of(raw: RawArticle) -> tuple[int, PricedBy]:
        if raw.number in prices:
            return prices[raw.number], PricedBy.LAST_SALE
        if raw.category and (median := medians.get((raw.department, raw.category))):
            return median, PricedBy.CATEGORY
        if median := medians.get((raw.department,)):
            return median, PricedBy.DEPARTMENT
        return medians.get((), 1), PricedBy.EVERYTHING

    return price_of


def _name(raw: RawArticle) -> str:
    """`Pourable salad dressings, 16 oz (store brand)`"""
    what = raw.type or raw.category
    if not what:
        return f"{raw.department.capitalize()} article {raw.number}"
    size = f", {raw.package_size.lower()}" if raw.package_size else ""
    return f"{what.capitalize()}{size}{' (store brand)' if raw.brand == 'Private' else ''}"
