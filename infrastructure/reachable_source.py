"""The source text that a function's outcome may depend on: its own, and that of everything of ours that it names.

It is followed through the text, not through objects, so it is the same in every process and every version of Python:
from the function's definition to the definitions of the names in it, in its module or where that imports them from.
What only stands beside them in a module does not belong to it.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

OURS = ("events", "commands")
"""Packages that are followed into, beside the function's own. The standard library and others are not."""
WHOLE = "*"


class Place(NamedTuple):
    module: str
    name: str


class _Definition(NamedTuple):
    text: str
    names: tuple[Place, ...]


def reachable_source(function: Callable[..., Any]) -> str:
    """Every definition under the name of its place. Of a function inside another, its whole module is taken.

    Raises OSError where there is no source."""
    ours = (*OURS, _package(function.__module__))
    nested = "<" in function.__qualname__
    todo = [Place(function.__module__, WHOLE if nested else function.__qualname__.partition(".")[0])]
    found: dict[Place, str] = {}
    while todo:
        place = todo.pop()
        if place in found or _package(place.module) not in ours:
            continue
        for definition in _looked_up(place):
            found[place] = found.get(place, "") + definition.text
            todo += definition.names
    return "\n".join(f"# {place.module}:{place.name}\n{text}" for place, text in sorted(found.items()))


def _looked_up(place: Place) -> list[_Definition]:
    """Nothing for a name that the module does not define, such as a built-in one or a local variable."""
    definitions = _definitions(place.module)
    if place.name != WHOLE:
        if place.name not in definitions and (submodule := _submodule(place)) is not None:
            return _looked_up(Place(submodule, WHOLE))
        return definitions.get(place.name, [])
    return [_Definition(_text(place.module), tuple(Place(place.module, name) for name in definitions))]


def _submodule(place: Place) -> str | None:
    """For `from events import stock`."""
    name, package = f"{place.module}.{place.name}", find_spec(place.module)
    is_package = package is not None and package.submodule_search_locations is not None
    return name if is_package and find_spec(name) is not None else None


def _text(module: str) -> str:
    spec = find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise OSError(f"there is no source of {module}")
    return Path(spec.origin).read_text(encoding="utf-8")


@lru_cache(maxsize=256)
def _definitions(module: str) -> Mapping[str, list[_Definition]]:
    """What a module's statements bind at its top level, by name."""
    text = _text(module)
    lines = text.splitlines(keepends=True)
    definitions: dict[str, list[_Definition]] = {}
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for name, place in _imported(statement, module):
                definitions.setdefault(name, []).append(_Definition("", (place,)))
            continue
        decorators = getattr(statement, "decorator_list", [])
        first = min(each.lineno for each in (statement, *decorators))
        source = "".join(lines[first - 1 : statement.end_lineno])
        used = sorted({node.id for node in ast.walk(statement) if isinstance(node, ast.Name)})
        definition = _Definition(source, tuple(Place(module, name) for name in used))
        for name in _bound(statement):
            definitions.setdefault(name, []).append(definition)
    return definitions


def _bound(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _imported(statement: ast.Import | ast.ImportFrom, module: str) -> Iterator[tuple[str, Place]]:
    for alias in statement.names:
        if isinstance(statement, ast.Import):
            yield alias.asname or _package(alias.name), Place(alias.name, WHOLE)
        elif not statement.level:  # this house has no relative imports
            yield alias.asname or alias.name, Place(statement.module or module, alias.name)


def _package(module: str) -> str:
    return module.partition(".")[0]
