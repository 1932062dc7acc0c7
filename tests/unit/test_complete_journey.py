"""Untidy rows: what is sold, what is left out and why, and what articles cost that nobody bought."""

from datetime import UTC, datetime
from importlib.machinery import ModuleSpec

import pytest

from infrastructure.complete_journey import parquet
from infrastructure.complete_journey.history import Cause, LeftOut, PricedBy, RawLine, Sold, cents, unit_price
from infrastructure.complete_journey.sample import demo_history, write_sample
from infrastructure.complete_journey.survey import SPARE_UNITS, RawArticle, surveyed
from tests.unit.untidy import CHEESE, GAS, MILK, ROLLS, SOCKS, UNLISTED, untidy_history


@pytest.mark.parametrize(
    ("written", "whole"),
    [(0.125, 12), (0.135, 14), (0.145, 14), (1.005, 100), (2.675, 268), (250.0, 25_000), ("1.39", 139), (1e-16, 0)],
)
def test_half_a_cent_goes_to_the_even_cent_of_the_amount_as_it_was_written(written: float | str, whole: int) -> None:
    assert cents(written) == whole


@pytest.mark.parametrize(
    ("total", "quantity", "price"),
    [(300, 2, 150), (5, 2, 2), (7, 2, 4), (500, 3, 167), (100, 3, 33), (25_000, 89_638, 1), (1, 1_000, 1)],
)
def test_a_unit_price_is_rounded_half_to_even_and_never_nothing(total: int, quantity: int, price: int) -> None:
    assert unit_price(total, quantity) == price


def test_only_rows_with_a_quantity_and_a_value_are_sold() -> None:
    sold = {basket.number: basket.lines for basket in untidy_history().baskets()}
    assert sold == {
        100: (Sold(ROLLS, 2, 300),),
        101: (Sold(GAS, 89_638, 25_000),),
        102: (),
        103: (Sold(UNLISTED, 3, 100), Sold(ROLLS, 3, 500)),
    }


def test_rows_that_are_not_sold_are_told_with_their_cause_and_amount() -> None:
    left_out = {basket.number: basket.left_out for basket in untidy_history().baskets() if basket.left_out}
    assert left_out == {
        100: (LeftOut(Cause.NO_QUANTITY, MILK, 249), LeftOut(Cause.NO_VALUE, CHEESE, 0)),
        102: (LeftOut(Cause.NEITHER, MILK, 0), LeftOut(Cause.NEITHER, ROLLS, -150)),
    }


def test_times_are_taken_as_utc() -> None:
    first, *_ = untidy_history().baskets()
    assert first.at == datetime(2017, 3, 6, 8, 0, tzinfo=UTC)


def test_prices_come_from_the_last_sale_or_from_the_nearest_relatives_that_were_sold() -> None:
    articles = untidy_history().articles
    assert {number: (article.price_minor, article.priced_by) for number, article in articles.items()} == {
        ROLLS: (167, PricedBy.LAST_SALE),
        MILK: (33, PricedBy.EVERYTHING),
        CHEESE: (33, PricedBy.EVERYTHING),
        GAS: (1, PricedBy.LAST_SALE),
        SOCKS: (33, PricedBy.EVERYTHING),
        UNLISTED: (33, PricedBy.LAST_SALE),
    }


def test_the_median_of_the_category_goes_before_that_of_the_department() -> None:
    catalog = [RawArticle(number, "GROCERY", "MILK" if number < 4 else "CHEESE") for number in range(1, 8)]
    sales = [RawLine(0, 1, 1, number, 1, price) for number, price in ((1, 1.0), (2, 2.0), (4, 9.0), (5, 8.0))]
    articles = surveyed([*catalog, RawArticle(8, "GROCERY", "TEA")], lambda: sales).articles
    assert (articles[3].price_minor, articles[3].priced_by) == (100, PricedBy.CATEGORY)
    assert (articles[6].price_minor, articles[6].priced_by) == (800, PricedBy.CATEGORY)
    assert (articles[8].price_minor, articles[8].priced_by) == (200, PricedBy.DEPARTMENT)


def test_opening_stock_lasts_for_all_that_is_sold() -> None:
    stock = {number: article.opening_stock - SPARE_UNITS for number, article in untidy_history().articles.items()}
    assert stock == {ROLLS: 5, MILK: 0, CHEESE: 0, GAS: 89_638, SOCKS: 0, UNLISTED: 3}


def test_names_are_made_for_people() -> None:
    names = {number: article.name for number, article in untidy_history().articles.items()}
    assert names[ROLLS] == "Rolls: dinner, 12 ct (store brand)"
    assert names[CHEESE] == "Shredded cheese"
    assert names[SOCKS] == "Drug gm article 5"
    assert names[UNLISTED] == "Unknown article 99"


def test_articles_that_nobody_has_listed_are_of_the_unknown_department() -> None:
    unlisted = untidy_history().articles[UNLISTED]
    assert (unlisted.department, unlisted.category) == ("UNKNOWN", "")


def test_the_sample_holds_whole_baskets_in_order_and_every_article_they_name() -> None:
    history = demo_history()
    baskets = list(history.baskets())
    assert [(basket.at, basket.number) for basket in baskets] == sorted(
        (basket.at, basket.number) for basket in baskets
    )
    assert len({basket.number for basket in baskets}) == len(baskets)
    named = {line.article for basket in baskets for line in basket.lines}
    named |= {row.article for basket in baskets for row in basket.left_out}
    assert named == history.articles.keys()
    assert len({article.department for article in history.articles.values()}) > 10


def test_a_sample_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory) -> None:
    again = tmp_path_factory.mktemp("sample")
    write_sample(demo_history(), again)
    first, second = demo_history(), demo_history(again)
    baskets = list(second.baskets())
    assert baskets and set(baskets) <= set(first.baskets())
    assert second.articles.items() <= first.articles.items()


def test_an_installation_without_the_data_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> ModuleSpec | None:
        return None

    monkeypatch.setattr(parquet, "find_spec", nothing)
    with pytest.raises(parquet.NotInstalled, match="make data"):
        parquet.installed_history()
