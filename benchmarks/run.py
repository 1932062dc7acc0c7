"""Runs benchmarks by name, keeps their figures and writes docs/performance.md from all that are kept."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from benchmarks import figures, machine, page
from benchmarks.ground import Ground, open_ground
from benchmarks.registry import BENCHMARKS

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "latest.json"
PAGE = HERE.parent / "docs" / "performance.md"


def main(names: Sequence[str], *, quick: bool = False, database_url: str | None = None) -> int:
    """The exit code: 0 when every figure was had, whether it met its aim or not; 2 for a name that is not known."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    with open_ground(quick=quick, database_url=database_url) as ground:
        for name in names or [name for name, each in BENCHMARKS.items() if not each.only_by_name]:
            entries = uvloop.run(_measured(name, ground))
            for entry in entries:
                print(page.line(entry), flush=True)
            if not quick:
                figures.save(RESULTS, figures.merged(figures.load(RESULTS), entries))
                render()  # after each, so that the page is true even when a later one fails
    return 0


def render() -> None:
    """Write the page from the kept figures."""
    PAGE.write_text(page.rendered(figures.load(RESULTS)))


async def _measured(name: str, ground: Ground) -> list[figures.Entry]:
    described = await machine.described(ground)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    measured = await BENCHMARKS[name].measure(ground)
    return [figure.entry(f"daybook bench {name}", at, described) for figure in measured]
