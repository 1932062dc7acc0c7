"""Figures are computed, never typed: ratios, whether an aim is met, what replaces what, and the page made of them."""

import json
import sys
from pathlib import Path
from subprocess import PIPE, Popen
from unittest.mock import MagicMock

import psutil
import pytest

from benchmarks import figures, page, run
from benchmarks.children import Child
from benchmarks.figures import Aim, Entry, Figure, merged
from benchmarks.load import Load, typical, under_load
from benchmarks.registry import BENCHMARKS

FIELDS = {"name", "unit", "value", "peer", "peer_value", "ratio", "aim", "met", "command", "at", "machine"}


def entry(
    name: str = "append_64", value: float = 30_000, peer_value: float | None = 1_000, aim: Aim | None = None
) -> Entry:
    figure = Figure(name, "appends/s", value, "the peer", peer_value, aim)
    return figure.entry("daybook bench append_64", "2026-11-23T04:00:00+00:00", "a box; load average before: 0.10")


@pytest.mark.parametrize(
    ("aim", "met"),
    [
        (Aim("ratio", ">=", 30), True),
        (Aim("ratio", ">=", 30.1), False),
        (Aim("ratio", "<=", 30), True),
        (Aim("ratio", "<=", 29), False),
        (Aim("value", ">=", 30_000), True),
        (Aim("value", "<=", 29_999), False),
        (None, None),
    ],
)
def test_met_follows_from_the_figure_and_its_aim(aim: Aim | None, met: bool | None) -> None:
    assert entry(aim=aim)["met"] is met


def test_an_aim_for_a_ratio_is_not_met_without_a_peer() -> None:
    made = entry(peer_value=None, aim=Aim("ratio", "<=", 5))
    assert (made["ratio"], made["met"]) == (None, False)


def test_what_is_kept_says_the_same_as_what_is_judged() -> None:
    made = entry(value=29_999.6, peer_value=1_000.4, aim=Aim("ratio", ">=", 30))
    assert (made["value"], made["peer_value"], made["ratio"]) == (30_000, 1_000, 30.0)
    assert made["met"] is True
    assert made["aim"] == "ratio >= 30"


def test_an_entry_has_the_agreed_fields_and_is_plain_json() -> None:
    made = entry(aim=Aim("ratio", ">=", 20))
    assert made.keys() == FIELDS
    assert json.loads(json.dumps(made)) == made


def test_new_figures_take_the_place_of_old_ones_by_name() -> None:
    old = [entry("b", 1), entry("a", 1)]
    assert [(each["name"], each["value"]) for each in merged(old, [entry("b", 2), entry("c", 3)])] == [
        ("a", 1),
        ("b", 2),
        ("c", 3),
    ]


def test_figures_survive_the_file(tmp_path: Path) -> None:
    path = tmp_path / "latest.json"
    assert figures.load(path) == []
    figures.save(path, [entry()])
    assert figures.load(path) == [entry()]


def test_the_page_has_a_row_for_every_figure_and_says_what_is_not_met() -> None:
    slow = entry("append_64_p99", aim=Aim("ratio", "<=", 0.1))
    written = page.rendered([slow, entry(aim=Aim("ratio", ">=", 20)), entry("append_8", peer_value=None)])
    rows = [line for line in written.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == ["append_8", "append_64", "append_64_p99"]
    assert rows[1] == "| `append_64` | 30,000 appends/s | 1,000 | 30 | ratio >= 20 | yes |"
    assert "| **no** |" in rows[2]
    assert BENCHMARKS["append_64"].note in written
    assert BENCHMARKS["import_rate"].note not in written


def test_the_kept_figures_are_consistent() -> None:
    for kept in figures.load(run.RESULTS):
        assert kept.keys() == FIELDS
        assert kept["command"].rpartition(" ")[2] in BENCHMARKS
        if kept["aim"] is None:
            assert kept["met"] is None
            continue
        of, comparison, bound = kept["aim"].split()
        aim = Aim(of, comparison, float(bound.replace(",", "")))
        assert aim.met(kept["value"], kept["ratio"]) is kept["met"], kept["name"]


def test_the_page_in_docs_is_the_one_of_the_kept_figures() -> None:
    if run.RESULTS.exists():
        assert run.PAGE.read_text() == page.rendered(figures.load(run.RESULTS))


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["append_65"]) == 2
    assert "append_65" in capsys.readouterr().err


async def test_load_counts_what_was_answered() -> None:
    calls = 0

    async def call(number: int) -> None:
        nonlocal calls
        calls += 1

    load = await under_load(2, 1, call)
    assert 0 < load.per_s <= calls
    assert load.p99_ms >= 0


def test_the_memory_of_a_command_is_that_of_all_its_processes_and_what_they_share_counts_once() -> None:
    holding = [sys.executable, "-c", "held = b'-' * 50_000_000; print(flush=True); input()"]
    watched = Child(MagicMock(), Path())
    with Popen(holding, stdin=PIPE, stdout=PIPE) as one, Popen(holding, stdin=PIPE, stdout=PIPE) as other:
        for each in (one, other):
            assert each.stdout is not None
            each.stdout.readline()
        processes = [psutil.Process(each.pid) for each in (one, other)]
        apart_mb = sum(each.memory_info().rss for each in processes) / 1e6
        watched._look(processes)
        watched._look(processes[:1])
        for each in (one, other):
            each.communicate(b"\n")
    assert 50 < watched.peak_mb < 100 < watched.together_mb < apart_mb


def test_the_typical_run_is_the_median_of_each_number() -> None:
    assert typical([Load(1, 30), Load(3, 10), Load(2, 20)]) == Load(2, 20)
