"""What products of a category may say of themselves: declared by the category, inherited down the tree.

Where no category of the lineage declares anything, products may say what they like. Where one does, only declared
names are taken, with values of their kind; the nearest declaration of a name counts. Only what a command *changes* is
judged: a value that a product has already, in the same category, stays good when its declaration is changed or
withdrawn, or when one comes later. Moving a product to another category judges all it says.
"""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from commands.category import lineage
from commands.decider import Read
from commands.rejections import AttributesRefused
from events.values import Attribute, CategoryId

AttributeValue = str | int | float | bool
Attributes = dict[str, AttributeValue]

TEXT, NUMBER, BOOLEAN, ENUM = "text", "number", "boolean", "enum"


def declared(category_id: CategoryId, read: Read) -> dict[str, Attribute]:
    """By name, as they count for products of this category."""
    found: dict[str, Attribute] = {}
    for _, category in reversed(lineage(category_id, read)):
        if not category.removed:
            found |= {attribute.name: attribute for attribute in category.attributes}
    return found


def check(said: Attributes | None, category_id: CategoryId, read: Read, *, before: Attributes | None = None) -> None:
    """`before` is what the product says already in this category. Raises AttributesRefused."""
    known = before or {}
    changed = {name: value for name, value in (said or {}).items() if name not in known or _differ(known[name], value)}
    if not changed or not (declarations := declared(category_id, read)):
        return
    if errors := list(_errors(changed, declarations)):
        raise AttributesRefused(errors)


def as_declared(text: str, attribute: Attribute | None, present: AttributeValue | None) -> AttributeValue:
    """The value that a text stands for, as it comes from a table: what the product says already, spelled the same
    way, or what its declaration makes of it, or without one a number or a truth value if it is spelled like one."""
    if present is not None and spelled(present) == text:
        return present
    if attribute is not None and attribute.kind in (TEXT, ENUM):
        return text
    if text in ("true", "false"):
        return text == "true"
    for number in (int, float):
        try:
            value = number(text)
        except ValueError:
            continue
        if not isfinite(value):
            break
        # An article number such as 007 is no number, unless it was declared to be one.
        if attribute is not None or spelled(value) == text:
            return value
    return text


def spelled(value: AttributeValue) -> str:
    """As a table shows it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _differ(one: AttributeValue, other: AttributeValue) -> bool:
    return one != other or isinstance(one, bool) != isinstance(other, bool)  # True == 1 in Python, not in the shop


def _errors(said: Attributes, declarations: Mapping[str, Attribute]) -> Iterator[dict[str, Any]]:
    for name, value in said.items():
        attribute = declarations.get(name)
        if attribute is None:
            yield _error(name, "not_declared", f"no category declares it; known are {', '.join(sorted(declarations))}")
        elif attribute.kind == ENUM and value not in attribute.values:
            yield _error(name, "not_one_of", f"should be one of {', '.join(attribute.values)}")
        elif not _fits(value, attribute.kind):
            yield _error(name, "wrong_kind", f"should be a {attribute.kind}")


def _fits(value: AttributeValue, kind: str) -> bool:
    match kind:
        case "boolean":
            return isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return isinstance(value, str)


def _error(name: str, code: str, message: str) -> dict[str, Any]:
    return {"pointer": f"/attributes/{name}", "code": code, "message": message}
