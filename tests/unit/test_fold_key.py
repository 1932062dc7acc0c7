"""The key of a kept state changes with whatever the state may depend on, and with nothing else."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from commands import FOLDS
from commands.decider import Fold
from commands.stock import Stock, stocks
from events import STREAM_KINDS
from events.evolution import Body, Evolution
from infrastructure import reachable_source as reaching
from infrastructure.fold_key import fold_key, may_be_kept
from infrastructure.reachable_source import reachable_source

FACTS = """
from dataclasses import dataclass

@dataclass
class Counted:
    units: int

class Unheard:
    pass
"""
VALUES = """
FACTOR = 2

def times(units):
    return units * FACTOR

def beside():
    return 1
"""
FOLD = """
from dataclasses import dataclass

import shelf.limits
from shelf import values as v
from shelf.facts import Counted
from shelf.values import times

@dataclass
class Count:
    units: int = 0

def evolve(count: Count, event: Counted) -> Count:
    return Count(count.units + times(event.units))

def by_module(count, event):
    return min(v.times(event), shelf.limits.MOST)

def decide(command):
    return command
"""
Edit = Callable[[str, str, str], ModuleType]


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edit]:
    """Puts one text for another in a module of the package `shelf`, and imports its fold anew."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    package = tmp_path / "shelf"
    package.mkdir()
    texts = {"__init__": "", "facts": FACTS, "values": VALUES, "fold": FOLD, "limits": "MOST = 9\n"}
    for name, text in texts.items():
        (package / f"{name}.py").write_text(text)

    def edited(module: str, old: str, new: str) -> ModuleType:
        file = package / f"{module}.py"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        forget()
        return importlib.import_module("shelf.fold")

    def forget() -> None:
        reaching._definitions.cache_clear()
        importlib.invalidate_caches()
        for name in [name for name in sys.modules if name.partition(".")[0] == "shelf"]:
            del sys.modules[name]

    yield edited
    forget()


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("fold", "count.units +", "count.units -"),
        ("fold", "    units: int = 0", "    units: int = 0\n    weight: int = 0"),
        ("fold", "units: int = 0", "units: float = 0"),
        ("facts", "units: int", "units: str"),
        ("facts", "@dataclass", "@dataclass(order=True)"),
        ("values", "units * FACTOR", "units + FACTOR"),
        ("values", "FACTOR = 2", "FACTOR = 3"),
    ],
)
def test_what_the_fold_may_reach_counts(edit: Edit, module: str, old: str, new: str) -> None:
    before = reachable_source(edit(module, "", "").evolve)
    assert reachable_source(edit(module, old, new).evolve) != before


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("fold", "return command", "return [command]"),
        ("fold", "def decide", "# Decides.\n\ndef decide"),
        ("facts", "class Unheard:", "class Unheard(int):"),
        ("values", "return 1", "return 2"),
        ("limits", "MOST = 9", "MOST = 8"),
    ],
)
def test_what_stands_beside_it_does_not(edit: Edit, module: str, old: str, new: str) -> None:
    before = reachable_source(edit(module, "", "").evolve)
    assert reachable_source(edit(module, old, new).evolve) == before


@pytest.mark.parametrize(("module", "old", "new"), [("values", "return 1", "return 2"), ("limits", "9", "8")])
def test_of_a_module_that_is_named_everything_counts(edit: Edit, module: str, old: str, new: str) -> None:
    before = reachable_source(edit(module, "", "").by_module)
    assert reachable_source(edit(module, old, new).by_module) != before


def test_a_fold_without_source_has_no_key() -> None:
    with pytest.raises(OSError, match="source"):
        reachable_source(eval("lambda state, event: state", {"__name__": "time"}))


def test_the_key_is_the_same_in_every_process() -> None:
    program = (
        "from commands import FOLDS; from events.evolution import Evolution; from infrastructure.fold_key import *\n"
    )
    program += "print([fold_key(fold, Evolution()).hex() for fold in FOLDS.values()])"
    for seed in "12":
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        printed = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        assert printed.stdout.strip() == str([fold_key(fold, Evolution()).hex() for fold in FOLDS.values()])


def test_every_kind_of_stream_has_its_fold() -> None:
    # Of archives the book is only told: no command is decided on them.
    assert FOLDS.keys() == {kind.category for kind in STREAM_KINDS} - {"archive"}


def test_each_fold_has_a_key_of_its_own() -> None:
    assert len({fold_key(fold, Evolution()) for fold in FOLDS.values()}) == len(FOLDS)


def test_another_beginning_is_another_fold() -> None:
    other = Fold("stock", Stock(on_hand=1), stocks.evolve)
    assert fold_key(other, Evolution()) != fold_key(stocks, Evolution())


def one(body: Body) -> Body:
    return {**body, "quantity": 1}


def two(body: Body) -> Body:
    return {**body, "quantity": 2}


def test_how_its_facts_are_read_counts() -> None:
    ways = [
        Evolution({}, {}, {}),
        Evolution({"StockReserved": 2}, {("StockReserved", 1): one}, {}),
        Evolution({"StockReserved": 2}, {("StockReserved", 1): two}, {}),
        Evolution({}, {}, {"StockHeld": "StockReserved"}),
    ]
    assert len({fold_key(stocks, way) for way in ways}) == len(ways)


def test_how_other_facts_are_read_does_not() -> None:
    other = Evolution({"OrderPaid": 2}, {("OrderPaid", 1): one}, {"OrderSent": "OrderShipped"})
    assert fold_key(stocks, other) == fold_key(stocks, Evolution({}, {}, {}))


def test_what_is_folded_from_personal_data_is_not_kept() -> None:
    not_kept = {category for category in FOLDS if not may_be_kept(category)}
    assert not_kept == {"addresses", "mail", "order", "refusals", "session", "user"}
