"""What a benchmark reports: a figure, the same of its peer, what we aim for, and whether that is met."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Aim:
    """`Aim("ratio", ">=", 10)`: at least ten times the peer."""

    of: Literal["value", "ratio"]
    comparison: Literal[">=", "<="]
    bound: float

    def met(self, value: float, ratio: float | None) -> bool:
        actual = value if self.of == "value" else ratio
        if actual is None:
            return False
        return actual >= self.bound if self.comparison == ">=" else actual <= self.bound

    def __str__(self) -> str:
        return f"{self.of} {self.comparison} {self.bound:,g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of ours and the peer's. The ratio is ours over theirs, also where less is better."""

    name: str
    unit: str
    value: float
    peer: str
    peer_value: float | None
    aim: Aim | None = None

    def entry(self, command: str, at: str, machine: str) -> Entry:
        value = _rounded(self.value)
        peer_value = None if self.peer_value is None else _rounded(self.peer_value)
        ratio = _rounded(value / peer_value) if peer_value else None
        return {
            "name": self.name,
            "unit": self.unit,
            "value": value,
            "peer": self.peer,
            "peer_value": peer_value,
            "ratio": ratio,
            "aim": None if self.aim is None else str(self.aim),
            "met": None if self.aim is None else self.aim.met(value, ratio),
            "command": command,
            "at": at,
            "machine": machine,
        }


def merged(old: Iterable[Entry], new: Iterable[Entry]) -> list[Entry]:
    """By name: a new entry takes the place of an old one."""
    by_name = {entry["name"]: entry for entry in (*old, *new)}
    return [by_name[name] for name in sorted(by_name)]


def load(path: Path) -> list[Entry]:
    return list(json.loads(path.read_text())) if path.exists() else []


def save(path: Path, entries: Sequence[Entry]) -> None:
    path.write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n")


def _rounded(number: float) -> float:
    """Four significant digits are more than any of these figures deserves."""
    rounded = float(f"{number:.4g}")
    return int(rounded) if rounded >= 1_000 else rounded
