"""Making frozen records in a third of the time.

A frozen dataclass sets each field by `object.__setattr__`, which looks the name up every time. Thousands of records a
second come from the decisions on one hot article: they are made by their slots' own setters, which need not.
"""

from dataclasses import MISSING, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def quick(record: type[T]) -> type[T]:
    """Decorates a frozen dataclass with slots, which stays what it was in all other respects.

    Raises TypeError for one with fields that are not simply given in their order."""
    names = [field.name for field in fields(record)]
    known: dict[str, Any] = {}
    parameters, lines = [], []
    for field in fields(record):
        name = field.name
        if not field.init or field.kw_only or hasattr(record, "__post_init__"):
            raise TypeError(f"{record.__name__} cannot be made from {', '.join(names)} alone")
        known[f"set_{name}"] = record.__dict__[name].__set__
        parameters.append(name)
        value = name
        if field.default is not MISSING:
            known[f"default_{name}"] = field.default
            parameters[-1] += f"=default_{name}"
        elif field.default_factory is not MISSING:
            known[f"new_{name}"] = field.default_factory
            parameters[-1] += "=MISSING"
            value = f"new_{name}() if {name} is MISSING else {name}"
        lines.append(f"    set_{name}(self, {value})")
    source = "\n".join([f"def __init__(self, {', '.join(parameters)}):", *lines])
    # As dataclasses do it: a loop over the fields would take longer than what it is to replace.
    exec(source, known | {"MISSING": MISSING}, known)  # noqa: S102 # nosec B102 # names in our own source
    type.__setattr__(record, "__init__", wraps(record.__init__)(known["__init__"]))
    return record
