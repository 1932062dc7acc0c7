"""Writes an example of every fact that has none yet; look at what it wrote before you commit it."""

import json
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import EnumType
from types import NoneType, UnionType
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

from events import EVENT_TYPES
from infrastructure.codec import FactTranscoder
from tests.golden import golden_file


def example(kind: type) -> Any:
    hints = get_type_hints(kind)
    return kind(**{each.name: _value(each.name, hints[each.name]) for each in fields(kind)})


def _value(name: str, hint: Any) -> Any:
    if isinstance(hint, NewType):
        return _value(name, hint.__supertype__)
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return example(hint)
    if isinstance(hint, EnumType):
        return next(iter(hint))
    options = get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        return _value(name, next(each for each in options if each is not NoneType))
    if get_origin(hint) is tuple:
        return (_value(name, options[0]), _value(name, options[0]))
    if get_origin(hint) is dict:
        values = get_args(options[1]) or (options[1],)
        return {f"a {each.__name__}": _value(name, each) for each in values}
    plain = {
        str: f"the {name} ü∞🫖",
        int: len(name),
        float: 0.5,
        bool: True,
        datetime: datetime(2026, 5, 1, 12, tzinfo=UTC),
    }
    return plain[hint]


if __name__ == "__main__":
    transcoder = FactTranscoder()
    for type_name, kind in EVENT_TYPES.items():
        file = golden_file(type_name, transcoder.evolution.version(type_name))
        if not file.exists():
            body = json.loads(transcoder.encode(example(kind)))
            file.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n")
            print(f"wrote {file}")  # noqa: T201
