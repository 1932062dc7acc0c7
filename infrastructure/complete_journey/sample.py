"""A few weeks of the data, small enough to travel with the code: the demo shop, read without pyarrow.

`python -m infrastructure.complete_journey.sample` makes it anew from the installed data set. Prices and opening stocks
are those of the whole data, so a shop that began with the sample can take in the rest later.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from math import sqrt
from pathlib import Path
from typing import Any

from infrastructure.complete_journey.history import Article, Basket, History, PricedBy, RawLine
from infrastructure.complete_journey.parquet import installed_history

DEMO_DATA = Path(__file__).parents[1] / "demo_data"
ARTICLES, ROWS = "products.csv", "baskets.csv"

FROM, UNTIL = datetime(2017, 5, 1, tzinfo=UTC), datetime(2017, 6, 26, tzinfo=UTC)
MOST_ARTICLES_OF_A_BASKET = 12
MOST_ARTICLES = 140
LEAST_SALES = 6
EVERY_NTH_SMALL_BASKET = 45

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def demo_history(folder: Path = DEMO_DATA) -> History:
    """The sample as it lies in `folder`."""
    articles = {article.number: article for article in map(_article, _read(folder / ARTICLES))}
    rows = [_row(record) for record in _read(folder / ROWS)]
    return History(articles, lambda: rows)


def write_sample(history: History, folder: Path = DEMO_DATA) -> None:
    """Whole baskets only, and all articles they name: what is in the sample is there exactly as in the data."""
    baskets = {basket.number: basket for basket in _chosen(history)}
    named = sorted(set().union(*map(_named, baskets.values())))
    rows = [row._asdict() | {"at": _text(row.at)} for row in history.rows() if row.basket in baskets]
    articles = [asdict(history.articles[number]) for number in named]
    for article in articles:
        article["priced_by"] = article["priced_by"].name
    _write(folder / ARTICLES, [field.name for field in fields(Article)], articles)
    _write(folder / ROWS, RawLine._fields, rows)


def _chosen(history: History) -> Iterator[Basket]:
    """Baskets of several lines whose articles overlap, from many departments, and now and then a small one."""
    window = [(basket, _named(basket)) for basket in history.baskets() if FROM <= basket.at < UNTIL]
    candidates = [(basket, named) for basket, named in window if len(named) <= MOST_ARTICLES_OF_A_BASKET]
    popularity = Counter(number for _, named in candidates for number in named)
    rich = [named for _, named in candidates if len(named) > 2 and min(popularity[n] for n in named) >= LEAST_SALES]
    known: set[int] = set()
    represented: Counter[str] = Counter()

    def worth(named: frozenset[int]) -> float:
        """Of taking a basket in: popular articles of departments that are rare so far, and few new ones."""
        new = sorted(named - known)
        if not new:
            return 0.0
        variety = [sqrt(popularity[n]) / (4 + represented[history.articles[n].department]) for n in new]
        return sum(variety) / len(new) * (1 + len(named & known)) / sqrt(len(new))

    while len(known) < MOST_ARTICLES and worth(best := max(rich, key=worth, default=frozenset())):
        represented.update(history.articles[number].department for number in best - known)
        known |= best
    small = 0
    for basket, named in candidates:
        if named <= known:
            small += len(basket.lines) < 2
            if len(basket.lines) > 1 or small % EVERY_NTH_SMALL_BASKET == 0:
                yield basket


def _named(basket: Basket) -> frozenset[int]:
    return frozenset([line.article for line in basket.lines] + [row.article for row in basket.left_out])


def _article(record: dict[str, str]) -> Article:
    return Article(
        number=int(record["number"]),
        name=record["name"],
        department=record["department"],
        category=record["category"],
        brand=record["brand"],
        package_size=record["package_size"],
        price_minor=int(record["price_minor"]),
        priced_by=PricedBy[record["priced_by"]],
        opening_stock=int(record["opening_stock"]),
    )


def _row(record: dict[str, str]) -> RawLine:
    at = (datetime.fromisoformat(record["at"]) - _EPOCH) // _MICROSECOND
    basket, household, article, quantity = (int(record[name]) for name in RawLine._fields[1:5])
    return RawLine(at, basket, household, article, quantity, record["sales_value"])


def _text(at: int) -> str:
    return (_EPOCH + at * _MICROSECOND).isoformat()


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, names: Iterable[str], records: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(names), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)


if __name__ == "__main__":
    write_sample(installed_history())
