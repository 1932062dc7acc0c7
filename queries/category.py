"""The tree of categories."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from queries.rows import Rows

MAX_DEPTH = 32
"""Levels of nesting in an answer. What lies deeper is shown at the last level; its `parent_id` tells the truth."""

MAX_LEVELS = 100
"""As many as the rules let a tree have."""

CATEGORIES = """SELECT category_id, slug, name, parent_id, removed, version, attributes::text
    FROM category ORDER BY slug, category_id"""


@dataclass(frozen=True, slots=True)
class Attribute:
    """What products of a category may say of themselves. `declared_by` is the category that says so: this one or one
    above it."""

    name: str
    kind: str
    values: list[str]
    declared_by: str


@dataclass(frozen=True, slots=True)
class Category:
    category_id: str
    slug: str
    name: str
    parent_id: str | None
    version: int
    attributes: list[Attribute] = field(default_factory=list)
    children: "list[Category]" = field(default_factory=list)


async def tree(rows: Rows) -> list[Category]:
    """The whole tree: its roots, with all that is below them. What lay in a removed category moves up to its parent."""
    return _tree(await rows.fetch(CATEGORIES))


async def category(rows: Rows, id_or_slug: str) -> Category | None:
    """One category with the tree below it."""
    unseen = await tree(rows)
    while unseen:
        found = unseen.pop()
        if id_or_slug in (found.category_id, found.slug):
            return found
        unseen += found.children
    return None


def _tree(rows: Sequence[Any]) -> list[Category]:
    known = {row["category_id"]: row for row in rows}
    below: dict[str | None, list[Category]] = defaultdict(list)
    for row in rows:
        if not row["removed"]:
            above = row["parent_id"]
            while above in known and known[above]["removed"]:
                above = known[above]["parent_id"]
            found = Category(
                row["category_id"], row["slug"], row["name"], row["parent_id"], row["version"], _attributes(row, known)
            )
            below[above if above in known else None].append(found)
    roots = level = below[None]
    for _ in range(MAX_DEPTH - 2):
        for found in level:
            found.children.extend(below[found.category_id])
        level = [child for found in level for child in found.children]
    for found in level:
        found.children.extend(_all_below(found, below))
    return roots


def _attributes(row: Any, known: Mapping[str, Any]) -> list[Attribute]:
    """Its own and those of all above it; the nearest declaration of a name counts."""
    found: dict[str, Attribute] = {}
    levels, at = 0, row
    while at is not None and levels <= MAX_LEVELS:
        if not at["removed"] and at["attributes"] != "[]":
            for each in json.loads(at["attributes"]):
                found.setdefault(each["name"], Attribute(**each, declared_by=at["category_id"]))
        levels, at = levels + 1, known.get(at["parent_id"])
    return sorted(found.values(), key=lambda attribute: attribute.name)


def _all_below(category: Category, below: Mapping[str | None, list[Category]]) -> Iterator[Category]:
    unseen = [category]
    while unseen:
        children = below[unseen.pop().category_id]
        yield from children
        unseen += children
