"""Never more is sold than there is, and what is said of a stock is true, in whatever order processes come to it.

The same examination is given to append functions that were broken on purpose, and has to find each of them.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.integration.book import flaws
from tests.kinds import EMBEDDED_ALONE
from tests.properties.breaking import Found, broken_in
from tests.properties.hot_sku import Floor, Person, open_floor, people

ROUNDS = int(os.environ.get("ROUNDS", "1"))

limits = settings(
    max_examples=60 * ROUNDS,
    deadline=None,
    phases=(Phase.generate,),
    database=None,
    suppress_health_check=list(HealthCheck),
)


@contextmanager
def on_floor(url: str) -> Iterator[tuple[asyncio.Runner, Floor]]:
    with asyncio.Runner() as runner:
        floor = open_floor(url)
        opened = runner.run(floor.__aenter__())
        try:
            yield runner, opened
        finally:
            runner.run(floor.__aexit__(None, None, None))


@pytest.mark.timeout(60 * ROUNDS + 600)
def test_no_unit_is_sold_twice_and_every_answer_is_true(own_database_url: str) -> None:
    with on_floor(own_database_url) as (runner, floor):

        @limits
        @given(people)
        def play(crowd: list[Person]) -> None:
            assert runner.run(floor.complaints(crowd)) == []

        play()
        assert runner.run(flaws(own_database_url)) == []


BREAKS = {
    "the balance is not checked": (
        [(r"NOT BETWEEN c_low\[c\] AND c_high\[c\]", "IS NULL"), (r"nullif\(t\.balance, -1\)", "abs(t.balance)")],
        ["more is taken"],
    ),
    "the database refuses what is below nothing": (
        [(r"NOT BETWEEN c_low\[c\] AND c_high\[c\]", "IS NULL")],
        ["streams_balance_check"],
    ),
    "what must be known is not asked": (
        [(r"c_expected\[c\] NOT BETWEEN settled_to\[this\] AND c_version\[c\]", "false")],
        ["nobody said", "said Stock"],
    ),
    "the balance does not move": ([(r"balances\[this\] \+ c_delta\[c\];", "balances[this];")], ["is said to be at"]),
}


@EMBEDDED_ALONE
@pytest.mark.parametrize("broken", BREAKS)
def test_the_examination_finds_a_broken_condition(own_database_url: str, broken: str) -> None:
    replacements, expected = BREAKS[broken]
    asyncio.run(broken_in(own_database_url, replacements))
    found: list[str] = []
    with on_floor(own_database_url) as (runner, floor):

        @settings(limits, max_examples=300)
        @given(people)
        def play(crowd: list[Person]) -> None:
            if not _said(found, expected):  # it is played again at the end
                try:
                    found.extend(runner.run(floor.complaints(crowd)))
                except Exception as error:
                    found.append(repr(error))
            if _said(found, expected):
                raise Found

        with suppress(Found):
            play()
    assert _said(found, expected), found


def _said(found: list[str], expected: list[str]) -> bool:
    return any(each in line for line in found for each in expected)
