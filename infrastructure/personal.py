"""Where what is personal stands in a stored fact: encrypted, behind all else, together with whom it is about.

{"user_id": "usr_01h...", "personal": {"of": "usr_01h...", "data": "<base64>"}}
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from operator import attrgetter
from typing import Any, NamedTuple, get_type_hints

import msgspec

from events import Event, person_of, personal_fields
from events.values import FORGOTTEN
from infrastructure.vault import Vault

_MARK, _DATA, _END = ',"personal":{"of":"', '","data":"', '"}}'
_encode = msgspec.json.Encoder().encode


class Personal(NamedTuple):
    """What is personal in a fact, as a JSON object, and whom it is about."""

    person: str
    plain: bytes


class Divider:
    """Takes what is personal out of facts, and puts it back. `types` by the names that they are stored under."""

    def __init__(self, types: Mapping[str, type], vault: Vault) -> None:
        self._vault = vault
        self._types = {name: kind for name, kind in types.items() if personal_fields(kind)}
        self.fields = {kind: personal_fields(kind) for kind in self._types.values()}
        # Named twice, a single one makes a tuple as well.
        self._values = {kind: attrgetter(names[0], *names) for kind, names in self.fields.items()}
        self._forgotten = {name: _encode(_forgotten(kind)) for name, kind in self._types.items()}

    def __contains__(self, stored_name: str) -> bool:
        return stored_name in self._types

    def divided(self, event: Event) -> tuple[bytes, Personal | None]:
        """The fact without what is personal, and that. Raises ValueError if it does not say whom it is about."""
        if not any(self._values[type(event)](event)):
            return _encode(event), None
        values = {name: value for name in self.fields[type(event)] if (value := getattr(event, name))}
        person = person_of(event)
        if not person or _encode(person) != f'"{person}"'.encode():
            raise ValueError(f"{type(event).__name__} holds personal data and says of nobody whose it is")
        rest = {each.name: getattr(event, each.name) for each in fields(event) if each.name not in values}
        return _encode(rest), Personal(person, _encode(values))

    def sealed(self, stored_name: str, body: str, personal: Personal) -> str:
        """The body as it is stored. Raises infrastructure.vault.KeyMissing."""
        person, plain = personal
        return f"{body[:-1]}{_MARK}{person}{_DATA}{self._vault.sealed(person, stored_name, plain)}{_END}"

    def persons(self, facts: Iterable[tuple[str | None, str]]) -> set[str]:
        """Whose keys are needed to read these, told by stored names and bodies."""
        return {
            body.rpartition(_MARK)[2].partition('"')[0] for name, body in facts if name in self._types and _MARK in body
        }

    def opened(self, stored_name: str, body: str) -> str:
        """The body in plain text; of someone forgotten, with what says so. Raises ValueError."""
        rest, mark, sealed = body.rpartition(_MARK)
        if not mark:  # written before there were keys, or there was nothing personal in it
            return body
        person, _, data = sealed.partition(_DATA)
        plain = self._vault.opened(person, stored_name, data.removesuffix(_END)) or self._forgotten[stored_name]
        return f"{rest},{plain[1:].decode()}" if len(plain) > len("{}") else f"{rest}}}"


def _forgotten(kind: type) -> dict[str, Any]:
    """Texts say that they are forgotten, also those of an address; what need not be there is not."""
    hints = get_type_hints(kind)
    return {name: value for name in personal_fields(kind) if (value := _in_place_of(hints[name])) is not None}


def _in_place_of(hint: Any) -> Any:
    if is_dataclass(hint):
        return {name: FORGOTTEN for name, kind in get_type_hints(hint).items() if kind is str}
    return FORGOTTEN if hint is str else None
