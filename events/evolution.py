"""How facts written by earlier versions of Daybook are read today: names and schema versions, and the way between them.

A stored fact is a name, a schema version and a body. Adding a field with a default needs nothing. Any other change
raises the version in `VERSIONS` and adds an upcaster, a pure function from the body of one version to that of the next.
A renamed fact keeps its old name in `RENAMED`. See docs/changing-a-fact.md.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]
Upcast = Callable[[Body], Body]

VERSIONS: dict[str, int] = {}
"""The present schema version of each fact whose version is not 1."""
UPCASTERS: dict[tuple[str, int], Upcast] = {}
"""By name and the version that an upcaster starts from: it leads to the next."""
RENAMED: dict[str, str] = {}
"""Names that are in books but not in this program, and what they are called now."""


class BrokenEvolution(Exception):
    """An upcaster is missing or leads nowhere: some fact in some book could not be read. Found at the start."""


@dataclass(frozen=True, slots=True)
class Evolution:
    """The rules of one program. `check` them before anything is read."""

    versions: Mapping[str, int] = field(default_factory=lambda: VERSIONS)
    upcasters: Mapping[tuple[str, int], Upcast] = field(default_factory=lambda: UPCASTERS)
    renamed: Mapping[str, str] = field(default_factory=lambda: RENAMED)

    def check(self, names: Collection[str]) -> None:
        """Raises BrokenEvolution unless every earlier version of every fact in `names` has a way to the present."""
        broken = [
            f"{old} is said to be {new}, which does not exist" for old, new in self.renamed.items() if new not in names
        ]
        broken += [f"{old} is renamed but still exists" for old in self.renamed if old in names]
        broken += [f"{name} has versions but does not exist" for name in self.versions if name not in names]
        needed = {(name, version) for name, now in self.versions.items() for version in range(1, now)}
        broken += [f"{name} v{version} has no upcaster" for name, version in sorted(needed - self.upcasters.keys())]
        broken += [
            f"{name} v{version} is not a past version" for name, version in sorted(self.upcasters.keys() - needed)
        ]
        if broken:
            raise BrokenEvolution("; ".join(broken))

    def stored_names(self, names: Collection[str]) -> set[str]:
        """Under which names these facts may stand in a book."""
        return {*names, *(old for old, new in self.renamed.items() if new in names)}

    def version(self, name: str) -> int:
        return self.versions.get(name, 1)

    def upcast(self, name: str, version: int, body: Body) -> Body:
        """Take a body from an earlier version to the present one."""
        for step in range(version, self.version(name)):
            body = self.upcasters[name, step](body)
        return body
