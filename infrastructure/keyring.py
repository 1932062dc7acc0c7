"""The keys of the seals: the one that signs today, and those that have signed before (Ed25519, RFC 8032)."""

import base64
import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from infrastructure.seal import Seal

KEY_ID_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that we trust, in its 32 bytes."""

    key_id: str
    raw: bytes
    retired: bool

    @property
    def text(self) -> str:
        return base64.b64encode(self.raw).decode()


class Keyring:
    """Which signatures are good. What the database says about keys counts for nothing: who can forge seals there could
    forge keys there too, so they come from the settings."""

    def __init__(self, seed: bytes | None = None, retired: Iterable[bytes] = ()) -> None:
        """`seed` is the private key's 32 bytes; without one nothing can be signed. `retired` are public keys."""
        self._private = None if seed is None else Ed25519PrivateKey.from_private_bytes(seed)
        present = [] if self._private is None else [(self._private.public_key().public_bytes_raw(), False)]
        self.public: Sequence[PublicKey] = [
            PublicKey(key_id(raw), raw, is_retired) for raw, is_retired in [*present, *((raw, True) for raw in retired)]
        ]
        self._keys = {key.key_id: Ed25519PublicKey.from_public_bytes(key.raw) for key in self.public}

    @property
    def can_sign(self) -> bool:
        return self._private is not None

    @property
    def key_id(self) -> str:
        """Of the key that signs."""
        return self.public[0].key_id

    def signed(self, seal: Seal) -> Seal:
        assert self._private is not None
        return dataclasses.replace(seal, signature=self._private.sign(seal.message()))

    def knows(self, seal: Seal) -> bool:
        return seal.key_id in self._keys

    def holds(self, seal: Seal) -> bool:
        """Whether one of our keys has signed exactly this."""
        if not self.knows(seal):
            return False
        try:
            self._keys[seal.key_id].verify(seal.signature, seal.message())
        except InvalidSignature:
            return False
        return True


def key_id(raw: bytes) -> str:
    """A short name for a public key."""
    return sha256(raw).hexdigest()[:KEY_ID_CHARACTERS]
