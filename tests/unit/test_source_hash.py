"""The hash of a fold changes when its rows might come out otherwise, and not for a comment."""

from dataclasses import replace
from typing import Any, NamedTuple

import pytest

import infrastructure.source_hash as source_hash
from events.evolution import VERSIONS
from events.stock import StockReceived
from infrastructure.source_hash import source_of, sources
from projections import PROJECTIONS
from projections.stock_level import stock_level


class OtherRow(NamedTuple):
    sku: str
    location: str
    on_hand: int


def other_evolve(row: Any, fact: Any, key: Any) -> Any:
    return row


def test_each_projection_has_one_and_it_stays() -> None:
    found = sources(PROJECTIONS)
    assert len(set(found.values())) == len(PROJECTIONS)
    source_of.cache_clear()
    assert sources(PROJECTIONS) == found


def test_it_changes_with_the_fold_the_columns_the_key_and_the_facts() -> None:
    row: Any = OtherRow
    changed = [
        stock_level,
        replace(stock_level, evolve=other_evolve),
        replace(stock_level, row=row),
        replace(stock_level, key=("sku",)),
        replace(stock_level, facts=(StockReceived,)),
    ]
    assert len({source_of(each) for each in changed}) == len(changed)


@pytest.mark.parametrize(("fact", "same"), [("StockReceived", False), ("OrderPlaced", True)])
def test_it_changes_with_the_version_of_a_fact_that_is_taken(
    fact: str, same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = source_of(stock_level)
    monkeypatch.setitem(VERSIONS, fact, 2)
    source_of.cache_clear()
    try:
        assert (source_of(stock_level) == before) is same
    finally:
        source_of.cache_clear()


FOLD = "def evolve(row):\n    if row:\n        one()\n    two()\n"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("# what it is for\n\n" + FOLD, True),
        (FOLD.replace("one()", "one()  # why"), True),
        (FOLD.replace("one()", "once()"), False),
        (FOLD.replace("    two", "        two"), False),
    ],
)
def test_comments_and_blank_lines_do_not_count_and_indentation_does(text: str, same: bool) -> None:
    assert (source_hash._code(text) == source_hash._code(FOLD)) is same
