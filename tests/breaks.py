"""A plugin of pytest for `make mutate`: what was collected runs once as it is, and then again for every break.

Each run is a fork of the process that has loaded and collected everything, and ends with the first test that notices
the break. Only tests that come by the broken function are run, modules and tests that took least time first. Breaks
are tried in an order of chance, so that what is known when time is up speaks for all of them.
"""

import contextlib
import fnmatch
import gc
import json
import os
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest
import structlog

AT_ONCE = 6
"""Breaks. Some keep somebody waiting, which takes most of a minute, and no processor."""
LONGEST_S = 300
SEED = 20261123
TOLD, TOOK, LOG = Path("told.jsonl"), Path("took.json"), Path("log.txt")
"""What became of each break, a line each; which test comes by which functions, and how long it takes; what was said."""
SURVIVED, NO_TEST, NO_ANSWER = "", "no test", "no answer"
"""Instead of the test that noticed."""


UNIT, INTEGRATION = "tests/unit/test_", "tests/integration/test_"
WHO_LOOKS = {
    "commands": (UNIT,),
    "infrastructure.append_call infrastructure.batches infrastructure.committer infrastructure.raw_append": (
        f"{UNIT}committer",
        f"{INTEGRATION}event_store",
        f"{INTEGRATION}store_failures",
        f"{INTEGRATION}resend",
        f"{INTEGRATION}personal_facts",
    ),
    "infrastructure.event_store infrastructure.stream_reader": (
        UNIT,
        f"{INTEGRATION}read_page",
        f"{INTEGRATION}event_store",
        f"{INTEGRATION}personal_facts",
        f"{INTEGRATION}archived_reads",
    ),
    "infrastructure": (UNIT, f"{INTEGRATION}leases", f"{INTEGRATION}parking", f"{INTEGRATION}projector"),
}
"""The tests that are about a module; others come by it too, and would notice no more."""


class Break(NamedTuple):
    name: str
    source: str
    """A hash of the function before it was broken."""

    @property
    def module(self) -> str:
        return self.name.partition(".x")[0]

    @property
    def function(self) -> str:
        return self.name.partition("__mutmut_")[0]


def all_breaks(under: Path) -> Iterator[Break]:
    for meta in sorted(under.rglob("*.py.meta")):
        known = json.loads(meta.read_text())
        for name in known["exit_code_by_key"]:
            function = name.partition("__mutmut_")[0].rpartition(".")[2]
            yield Break(name, known["hash_by_function_name"].get(function, ""))


def told(under: Path) -> dict[Break, str]:
    """What noticed each break when it was tried last. A break of a function that has changed since is another one."""
    lines = (under / TOLD).read_text().splitlines() if (under / TOLD).exists() else []
    return {Break(line["name"], line["source"]): line["noticed_by"] for line in map(json.loads, lines)}


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    if session.testsfailed:
        raise session.Interrupted("not everything could be loaded")
    looked_at = {test for tests in _took().values() for test in tests}
    new = [item for item in session.items if item.nodeid not in looked_at]
    if new and _waited(_forked(lambda: _look(session, new))) != 0:
        raise session.Failed(f"tests fail with nothing broken: see {LOG.absolute()}")
    took = _took()
    known = told(Path())
    wanted = (os.environ.get("MUTANTS") or "*").split()
    breaks = [each for each in all_breaks(Path()) if any(fnmatch.fnmatch(each.name, pattern) for pattern in wanted)]
    todo = [each for each in breaks if known.get(each, SURVIVED) in (SURVIVED, NO_TEST)]
    # What is broken is logged a lot, and to colour the source that it stands in would take seconds each time.
    structlog.get_config()["processors"][-1].exception_formatter = structlog.dev.plain_traceback
    gc.freeze()  # else each fork would copy all that is in memory when it looks for garbage
    random.Random(SEED).shuffle(todo)
    _try_all(session, todo, took)
    return True


def _try_all(session: pytest.Session, todo: Sequence[Break], took: dict[str, dict[str, float]]) -> None:
    running: dict[int, Break] = {}
    for number, each in enumerate(todo, 1):
        about = next(tests for modules, tests in WHO_LOOKS.items() if any(map(each.module.startswith, modules.split())))
        took_s = {test: seconds for test, seconds in took.get(each.function, {}).items() if test.startswith(about)}
        items = _by_cost(session.items, took_s)
        if not items:
            _tell(each, NO_TEST)
            continue
        while len(running) >= AT_ONCE:
            _ended(running)
        running[_forked(partial(_try, session, each, items))] = each
        if sys.__stderr__:
            sys.__stderr__.write(f"\r{number} of {len(todo)} ")
    while running:
        _ended(running)


def _by_cost(items: Sequence[pytest.Item], took_s: dict[str, float]) -> list[pytest.Item]:
    of_module: dict[str, float] = defaultdict(float)
    for test, seconds in took_s.items():
        of_module[test.partition("::")[0]] += seconds
    touching = [item for item in items if item.nodeid in took_s]
    return sorted(
        touching, key=lambda item: (of_module[item.nodeid.partition("::")[0]], item.path, took_s[item.nodeid])
    )


def _try(session: pytest.Session, broken: Break, items: Sequence[pytest.Item]) -> None:
    os.environ["MUTANT_UNDER_TEST"] = broken.name
    signal.alarm(LONGEST_S)
    for item, following in zip(items, [*items[1:], None], strict=True):
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            _tell(broken, item.nodeid)
            signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
            signal.alarm(10)  # what is broken may not end by itself
            with contextlib.suppress(BaseException):
                session._setupstate.teardown_exact(None)
            return
    _tell(broken, SURVIVED)


def _look(session: pytest.Session, items: Sequence[pytest.Item]) -> None:
    """Which functions each test comes by, and how long it takes."""
    os.environ["MUTANT_UNDER_TEST"] = "stats"
    come_by = import_module("mutmut.state").state()._stats = _ComeBy()
    took = _took()
    try:
        for item, following in zip(items, [*items[1:], None], strict=True):
            began = time.perf_counter()
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                raise session.Failed(item.nodeid)
            for function in ("", *come_by.taken()):
                took.setdefault(function, {})[item.nodeid] = time.perf_counter() - began
    finally:
        TOOK.write_text(json.dumps(took))


class _ComeBy(set[str]):
    """Functions, also those that only a forked process comes by: what is added goes to a file that they share."""

    def __init__(self) -> None:
        self._file = os.memfd_create("come_by")

    def add(self, function: str) -> None:
        if function not in self:
            super().add(function)
            os.write(self._file, f"{function}\n".encode())

    def taken(self) -> set[str]:
        functions = os.pread(self._file, os.fstat(self._file).st_size, 0).decode().split()
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        self.clear()
        return set(functions)


def _took() -> dict[str, dict[str, float]]:
    """By function, in seconds; all tests that were looked at are under ""."""
    return json.loads(TOOK.read_text()) if TOOK.exists() else {}


def _tell(broken: Break, noticed_by: str) -> None:
    line = json.dumps({"name": broken.name, "source": broken.source, "noticed_by": noticed_by})
    with TOLD.open("a") as file:
        file.write(line + "\n")


def _forked(run: Callable[[], None]) -> int:
    sys.stdout.flush()
    return os.fork() or _child(run)


def _child(run: Callable[[], None]) -> NoReturn:
    try:
        with LOG.open("a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        run()
        os._exit(0)
    except BaseException as error:
        with LOG.open("a") as log:  # where standard error goes is up to pytest by now
            log.write(f"{error!r}\n")
        os._exit(1)


def _waited(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _ended(running: dict[int, Break]) -> None:
    pid, status = os.wait()
    broken = running.pop(pid)
    if status:
        _tell(broken, NO_ANSWER)
