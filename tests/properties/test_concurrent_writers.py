"""Several writers on real PostgreSQL, late commits and cut connections: readers miss nothing, answers are true.

The same examination is given to append functions that were broken on purpose, and has to find each of them.
"""

import asyncio
import contextlib
import os
import re

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.integration.book import flaws
from tests.kinds import EMBEDDED_ALONE
from tests.properties.breaking import Found, broken_in
from tests.properties.judge import complaints
from tests.properties.schedules import Schedule, schedules
from tests.properties.writers import on_stage

ROUNDS = int(os.environ.get("ROUNDS", "1"))
EXAMPLES = 60 * ROUNDS
EXAMPLES_TO_FIND_A_BREAK = 300

limits = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=(Phase.generate,),  # time is part of a schedule: what fails now may pass when it is tried again smaller
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(60 * ROUNDS + 600)
def test_readers_miss_nothing_and_every_answer_is_true(own_database_url: str) -> None:
    with on_stage(own_database_url) as (runner, stage):

        @limits
        @given(schedules)
        def play(schedule: Schedule) -> None:
            assert complaints(runner.run(stage.play(schedule))) == []

        play()
        assert runner.run(flaws(own_database_url)) == []


# What is taken out of the append function, and what the examination must say about it.
_NO_LOCK = (r"\s+FOR UPDATE", "")
_FROM_A_SEQUENCE = (
    r"head_after := head_before;",
    """PERFORM pg_advisory_lock(1);
    head_before := nextval('careless') - 1;
    PERFORM setval('careless', head_before + (SELECT sum(n) FROM unnest(r_facts) AS n) + 1, false);
    PERFORM pg_advisory_unlock(1);
    head_after := head_before;""",
)
BREAKS = {
    "the head is not locked": ([_NO_LOCK], "nothing was wrong with what was refused"),
    "positions are drawn before the commits are in order": ([_NO_LOCK, _FROM_A_SEQUENCE], "a reader missed"),
    "versions are not checked": ([(r"c_version\[c\] <> c_expected\[c\]", "false")], "stored on .* expected"),
    "guards are not checked": ([(r"\(c_expected\[c\] >= 0", "(c_expected[c] >= 0 AND c_facts[c] > 0")], "stored on"),
    "versions do not move within a batch": ([(r"versions\[this\] := .*?;", "NULL;")], "nothing was wrong"),
    "keys are not looked up": ([(r"known\.key = asked\.key", "false")], "asked again"),
    "a key's answer names the wrong position": (
        [(r"r_position\[k\.request\] \+", "1 + r_position[k.request] +")],
        "asked again",
    ),
    "what was refused is stored": (
        [(r"(?<=r_failed_condition\[r\] := failed;)\s+CONTINUE;", "")],
        "refused and stored",
    ),
}


@EMBEDDED_ALONE
@pytest.mark.parametrize("broken", BREAKS)
def test_the_examination_finds_an_append_function_that_is_broken(own_database_url: str, broken: str) -> None:
    replacements, expected = BREAKS[broken]
    asyncio.run(broken_in(own_database_url, replacements))
    found: list[str] = []
    with on_stage(own_database_url) as (runner, stage):

        @settings(limits, max_examples=EXAMPLES_TO_FIND_A_BREAK)
        @given(schedules)
        def play(schedule: Schedule) -> None:
            if not _said(found, expected):  # it is played again at the end
                found.extend(complaints(runner.run(stage.play(schedule))))
            if _said(found, expected):
                raise Found

        with contextlib.suppress(Found):
            play()
    assert _said(found, expected), found


def _said(found: list[str], expected: str) -> bool:
    return any(re.search(expected, each) for each in found)
