"""docs/performance.md, written from the kept figures and from what the registry says about each benchmark."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from benchmarks.figures import Entry
from benchmarks.machine import LOAD
from benchmarks.registry import BENCHMARKS

INTRODUCTION = """# Performance

Written by `make bench` (or `daybook bench NAME`) from `benchmarks/results/latest.json`; do not edit by hand.

## How to read this

- A figure stands beside a **peer** or a **limit** that was measured in the same run, on the same server, in a database
  of its own, taking turns; each is the median of three runs. The ratio is ours over theirs, also where less is better
  (`ms`, `MB`). The ratio is the figure: absolute numbers say as much about the machine.
- Client and server share one machine, so they take processor time from each other. The database is durable: `fsync`
  and `synchronous_commit` are on, and nothing counts as done before it is on the disk; only what is folded from it,
  and can be folded again, does not wait for that.
- **Met** is computed from the figure and its aim. A dash means that no aim is set.
- `p99` is the time within which 99 of 100 requests were answered, under that load.

## Figures
"""


def rendered(entries: Sequence[Entry]) -> str:
    parts = [
        INTRODUCTION,
        "| figure | ours | peer or limit | ratio | aim | met |",
        "|---|--:|--:|--:|---|---|",
        *(_row(entry) for entry in sorted(entries, key=_natural)),
        "",
        "## What is measured",
        "",
        *(_notes(entries)),
        "## Machines",
        "",
        "In brackets: the load average of the minute before, and the day.",
        "",
        *(f"- {where}: {', '.join(names)}" for where, names in _by_machine(entries).items()),
    ]
    return "\n".join(parts) + "\n"


def line(entry: Entry) -> str:
    """One figure for a terminal."""
    beside = "" if entry["peer_value"] is None else f" against {entry['peer_value']:,g} ({entry['ratio']:g} x)"
    aim = "" if entry["aim"] is None else f"; aim {entry['aim']}: {'met' if entry['met'] else 'NOT met'}"
    return f"{entry['name']}: {entry['value']:,g} {entry['unit']}{beside}{aim}"


def _row(entry: Entry) -> str:
    met = {None: "-", True: "yes", False: "**no**"}[entry["met"]]
    theirs = "-" if entry["peer_value"] is None else f"{entry['peer_value']:,g}"
    ratio = "-" if entry["ratio"] is None else f"{entry['ratio']:g}"
    ours = f"{entry['value']:,g} {entry['unit']}"
    return f"| `{entry['name']}` | {ours} | {theirs} | {ratio} | {entry['aim'] or '-'} | {met} |"


def _notes(entries: Sequence[Entry]) -> Iterator[str]:
    sections: dict[str, str] = {benchmark.title: benchmark.note for benchmark in BENCHMARKS.values()}
    for title, note in sections.items():
        own = [entry for entry in entries if _title(entry) == title]
        if own:
            commands = dict.fromkeys(entry["command"] for entry in sorted(own, key=_natural))
            yield f"### {title}\n\n{note}\n"
            yield from (f"- beside: {peer}" for peer in dict.fromkeys(entry["peer"] for entry in own) if peer)
            yield f"- again: {', '.join(f'`{command}`' for command in commands)}\n"


def _title(entry: Entry) -> str | None:
    benchmark = BENCHMARKS.get(entry["command"].rpartition(" ")[2])
    return None if benchmark is None else benchmark.title


def _by_machine(entries: Iterable[Entry]) -> Mapping[str, list[str]]:
    machines: dict[str, list[str]] = {}
    for entry in sorted(entries, key=_natural):
        machine, _, load = entry["machine"].partition(LOAD)
        machines.setdefault(machine, []).append(f"`{entry['name']}` ({load}, {entry['at'][:10]})")
    return machines


def _natural(entry: Entry) -> list[tuple[str, int]]:
    """`append_8` before `append_64`."""
    return [(text, int(digits or 0)) for text, digits in re.findall(r"(\D+)(\d*)", entry["name"])]
