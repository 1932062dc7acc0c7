"""The keys of persons: what is personal in a fact is encrypted under the key of the person that it is about.

AES-256-GCM throughout. A person's key is wrapped by the master key, which the database never sees. Destroying it makes
all that was written under it unreadable, wherever there are copies of it.
"""

import os
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from hashlib import sha256
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID_CHARACTERS = 16
KEYS_REMEMBERED = 50_000
"""Of as many persons a process has the keys at hand: more than any page of facts names."""

KEYS_OF = "SELECT * FROM person_keys_of($1::text[])"
KEYS_MADE = "SELECT * FROM person_keys_made($1::text[], $2::bytea[], $3)"
MASTERS = "SELECT * FROM person_keys_masters()"


class NoMasterKey(ValueError):
    """There is no master key, or it is not one of those that the keys of persons are wrapped by."""


class KeyMissing(ValueError):
    """A fact is encrypted under a key that is not in the database, and never was forgotten either."""


class Rows(Protocol):
    """A pool or a connection, as far as it is needed here."""

    async def fetch(self, query: str, *arguments: Any) -> Sequence[Any]: ...


class MasterKeys:
    """The key that wraps, and others that may have: while one takes the place of another, both are good."""

    def __init__(self, current: bytes | None = None, others: Iterable[bytes] = ()) -> None:
        """Keys of 32 bytes. Without one, nothing personal can be written or read."""
        self.current = None if current is None else master_key_id(current)
        keys = [*([] if current is None else [current]), *others]
        self._ciphers = {master_key_id(raw): AESGCM(raw) for raw in keys}

    def __contains__(self, key_id: str) -> bool:
        return key_id in self._ciphers

    def wrapped(self, person: str, key: bytes) -> bytes:
        """Raises NoMasterKey."""
        if self.current is None:
            raise NoMasterKey("nothing personal can be kept without MASTER_KEY")
        return _encrypted(self._ciphers[self.current], key, person.encode())

    def unwrapped(self, person: str, wrapped: bytes, key_id: str) -> bytes:
        """Raises NoMasterKey."""
        try:
            return _decrypted(self._ciphers[key_id], wrapped, person.encode())
        except (KeyError, InvalidTag):
            raise NoMasterKey(f"the key of {person} is wrapped by master key {key_id}, which is not at hand") from None


class Vault:
    """The keys that this process has at hand. Belongs to one event loop.

    A key is got before it is needed, by `learn` or `provide`, since facts are decoded without waiting."""

    def __init__(self, masters: MasterKeys | None = None, *, remembered: int = KEYS_REMEMBERED) -> None:
        self.masters = masters or MasterKeys()
        self._remembered = remembered
        self._keys: OrderedDict[str, AESGCM | None] = OrderedDict()
        """None: the person is forgotten."""
        self._changes = 0

    async def learn(self, rows: Rows, persons: Collection[str]) -> None:
        """Get the keys of these persons that are not at hand. Raises NoMasterKey or asyncpg's errors."""
        while unknown := self._unknown(persons):
            changes = self._changes
            found = await rows.fetch(KEYS_OF, unknown)
            if changes == self._changes:  # else someone may have been forgotten since this was read
                self._remember(found)
                return

    async def provide(self, rows: Rows, persons: Collection[str]) -> None:
        """The same, and who has no key gets one. Raises NoMasterKey or asyncpg's errors."""
        while unknown := self._unknown(persons):
            changes = self._changes
            offered = [self.masters.wrapped(person, os.urandom(KEY_BYTES)) for person in unknown]
            found = await rows.fetch(KEYS_MADE, unknown, offered, self.masters.current)
            if changes == self._changes:
                self._remember(found)
                return

    def sealed(self, person: str, about: str, plain: bytes) -> str:
        """In base64; `about` is what it must be opened as. Of someone forgotten nobody can read it, ever.

        Raises KeyMissing."""
        cipher = self._at_hand(person) or AESGCM(os.urandom(KEY_BYTES))
        return b64encode(_encrypted(cipher, plain, _context(person, about))).decode()

    def opened(self, person: str, about: str, sealed: str) -> bytes | None:
        """What was sealed; None if the person is forgotten. Raises ValueError, also KeyMissing."""
        cipher = self._at_hand(person)
        if cipher is None:
            return None
        try:
            return _decrypted(cipher, b64decode(sealed, validate=True), _context(person, about))
        except InvalidTag:
            raise ValueError(f"what is personal in it was not written under the key of {person}") from None

    def forget(self, person: str) -> None:
        """The key is to be got again, if there still is one."""
        self._changes += 1
        self._keys.pop(person, None)

    def clear(self) -> None:
        """Whoever was forgotten meanwhile, it is not known here: all keys are to be got again."""
        self._changes += 1
        self._keys.clear()

    async def check(self, rows: Rows) -> None:
        """Raises NoMasterKey if keys in the database are wrapped by a master key that is not at hand."""
        if unknown := [key_id for (key_id,) in await rows.fetch(MASTERS) if key_id not in self.masters]:
            raise NoMasterKey(
                f"keys of persons are wrapped by master key {', '.join(unknown)}, which is not at hand: "
                "set MASTER_KEY, or DAYBOOK_OTHER_MASTER_KEYS while one takes the place of another (docs/privacy.md)"
            )

    def _unknown(self, persons: Collection[str]) -> list[str]:
        unknown = []
        for person in persons:
            if person in self._keys:
                self._keys.move_to_end(person)
            else:
                unknown.append(person)
        return unknown

    def _remember(self, found: Iterable[Any]) -> None:
        for person, wrapped, key_id in found:
            key = None if wrapped is None else AESGCM(self.masters.unwrapped(person, wrapped, key_id))
            self._keys[person] = key
        while len(self._keys) > self._remembered:
            self._keys.popitem(last=False)

    def _at_hand(self, person: str) -> AESGCM | None:
        try:
            return self._keys[person]
        except KeyError:
            raise KeyMissing(f"there is no key of {person}") from None


def master_key_id(raw: bytes) -> str:
    """A short name for a master key, which tells nothing of it."""
    return sha256(b"daybook master key\0" + raw).hexdigest()[:KEY_ID_CHARACTERS]


def _context(person: str, about: str) -> bytes:
    return f"{about}\0{person}".encode()


def _encrypted(cipher: AESGCM, plain: bytes, context: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, context)


def _decrypted(cipher: AESGCM, sealed: bytes, context: bytes) -> bytes:
    """Raises InvalidTag, or ValueError for what is too short."""
    return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
