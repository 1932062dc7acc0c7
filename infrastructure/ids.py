"""Identities as TypeIDs: `ord_01h455vb4pex5vsknk084sn02q`, a kind and a UUID in Crockford's base 32.

They sort by the time they stand for (UUIDv7, RFC 9562), so neighbours in time are neighbours in every index. The text
form is that of https://github.com/jetify-com/typeid: 13 pairs of characters, each of 10 bits.
"""

import hashlib
from datetime import datetime
from itertools import product

from uuid_utils import uuid7

_PAIRS = ["".join(pair) for pair in product("0123456789abcdefghjkmnpqrstvwxyz", repeat=2)]
_LOW = (1 << 60) - 1
_VERSION_7, _VARIANT = 0x7 << 76, 0b10 << 62


def new_id(prefix: str) -> str:
    """A fresh identity of now."""
    return _typeid(prefix, uuid7().int)


def made_id(prefix: str, at: datetime, name: str) -> str:
    """The identity of what is called `name` and began `at`: the same whenever and wherever it is asked for.

    `at` counts in whole milliseconds; what is random in other UUIDs comes from SHA-256 over prefix and name."""
    digest = int.from_bytes(hashlib.sha256(f"{prefix}:{name}".encode()).digest()[:10], "big")
    random_a, random_b = digest >> 68 << 64, digest & ((1 << 62) - 1)
    return _typeid(prefix, int(at.timestamp() * 1_000) << 80 | _VERSION_7 | random_a | _VARIANT | random_b)


def _typeid(prefix: str, value: int) -> str:
    # Written out, and on halves that are small numbers: a loop takes twice as long.
    high, low, pair = value >> 60, value & _LOW, _PAIRS
    return (
        f"{prefix}_{pair[high >> 60]}{pair[high >> 50 & 1023]}{pair[high >> 40 & 1023]}"
        f"{pair[high >> 30 & 1023]}{pair[high >> 20 & 1023]}{pair[high >> 10 & 1023]}{pair[high & 1023]}"
        f"{pair[low >> 50]}{pair[low >> 40 & 1023]}{pair[low >> 30 & 1023]}"
        f"{pair[low >> 20 & 1023]}{pair[low >> 10 & 1023]}{pair[low & 1023]}"
    )
