"""What a seal is: how facts become bytes, how bytes become hashes, and what is signed.

The format is a contract with whoever keeps a proof: docs/verifying-a-fact.md has it in words, and a check of it in a
few lines. Texts are packed as netstrings (D. J. Bernstein, 1997), trees are those of RFC 6962, section 2.1.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal

from queries.rows import Rows

FACT_COLUMNS = """position, stream, version, type, schema_version, id::text AS id,
    timestamptz_send(occurred_at) AS occurred_at, timestamptz_send(recorded_at) AS recorded_at, metadata, body"""
"""Times come as PostgreSQL sends them, since a book that was tampered with may hold some that Python does not know."""
FACTS = f"SELECT {FACT_COLUMNS} FROM facts WHERE position > $1 ORDER BY position LIMIT $2"

SEAL_COLUMNS = """number, first_position, last_position, root, chain, previous,
    timestamptz_send(sealed_at) AS sealed_at, key_id, signature"""

HASH_BYTES = 32
NOTHING = bytes(HASH_BYTES)
"""Stands for the seal before the first one, and for the chain before the first fact."""

_LEAF, _NODE, _LINK = b"\x00", b"\x01", b"\x02"
_FACT = b"14:daybook-fact-1," + b"%d:%b," * 9
_SEAL = "daybook-seal-1"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


async def facts_between(rows: Rows, after: int, until: int, limit: int) -> list[Any]:
    """Rows of FACT_COLUMNS with `after < position <= until`, at most `limit`, in order."""
    # Not a range in SQL: with an upper bound, the planner may gather and sort all of it for every page.
    facts = await rows.fetch(FACTS, after, max(0, min(limit, until - after)))
    while facts and facts[-1]["position"] > until:
        facts.pop()
    return facts


def packed(*values: Any) -> bytes:
    """Values as text, each with its length before it: no two different lists of values give the same bytes."""
    return b"".join(b"%d:%b," % (len(text), text) for text in (str(value).encode() for value in values))


@lru_cache(maxsize=64)
def time_text(sent: bytes) -> bytes:
    """RFC 3339 in UTC with all six digits of microseconds, from `timestamptz_send`."""
    seconds, microseconds = divmod(int.from_bytes(sent, "big", signed=True), 1_000_000)
    return b"%b.%06dZ" % (_second_text(seconds), microseconds)


@lru_cache(maxsize=64)
def _second_text(seconds: int) -> bytes:
    try:
        return (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat().encode()
    except OverflowError:
        return b"%d seconds after 2000" % seconds


def digest(fact: Any) -> bytes:
    """SHA-256 of all that a fact is, except for its position. `fact` is a row of FACT_COLUMNS."""
    _, stream, version, type_name, schema_version, fact_id, occurred_at, recorded_at, metadata, body = fact
    times = time_text(occurred_at), time_text(recorded_at)
    return digest_of(stream, version, type_name, schema_version, fact_id, *times, metadata, body)


def digest_of(
    stream_text: str,
    version_number: int,
    type_text: str,
    schema_number: int,
    id_text: str,
    occurred_at: bytes,
    recorded_at: bytes,
    metadata_text: str,
    body_text: str,
) -> bytes:
    """The same from the parts, with times in the texts that `time_text` gives."""
    stream, type_name, fact_id = stream_text.encode(), type_text.encode(), id_text.encode()
    version, schema_version = b"%d" % version_number, b"%d" % schema_number
    metadata, body = metadata_text.encode(), body_text.encode()
    # One format, not `packed`: this is run for every fact there is.
    return sha256(
        _FACT
        % (
            len(stream), stream, len(version), version, len(type_name), type_name,
            len(schema_version), schema_version, len(fact_id), fact_id, len(occurred_at), occurred_at,
            len(recorded_at), recorded_at, len(metadata), metadata, len(body), body,
        )
    ).digest()  # fmt: skip


def leaf(position: int, fact_digest: bytes) -> bytes:
    """A fact in its place, as it enters the tree and the chain."""
    place = b"%d" % position
    return sha256(b"%b%d:%b,64:%b," % (_LEAF, len(place), place, fact_digest.hex().encode())).digest()


def leaves(first: int, digests: Iterable[bytes]) -> list[bytes]:
    return [leaf(position, each) for position, each in enumerate(digests, first)]


def chained(chain: bytes, fact_leaves: Iterable[bytes]) -> bytes:
    """The hash chain, carried on over these facts."""
    for each in fact_leaves:
        chain = sha256(_LINK + chain + each).digest()
    return chain


def merkle_root(nodes: Sequence[bytes]) -> bytes:
    """The root over leaves, of which there is at least one."""
    while len(nodes) > 1:
        nodes = _level_above(nodes)
    return nodes[0]


@dataclass(frozen=True, slots=True)
class Step:
    """The node that stands beside ours on the way to the root, and on which side."""

    side: Literal["left", "right"]
    hash: bytes


def inclusion_path(nodes: Sequence[bytes], index: int) -> list[Step]:
    """What it takes to come from the leaf at `index` to the root."""
    path: list[Step] = []
    while len(nodes) > 1:
        beside = index ^ 1
        if beside < len(nodes):
            path.append(Step("left" if beside < index else "right", nodes[beside]))
        nodes, index = _level_above(nodes), index // 2
    return path


def _level_above(nodes: Sequence[bytes]) -> list[bytes]:
    # A node that is left over goes up as it is, which gives the same tree as RFC 6962's split at powers of two.
    above = [sha256(_NODE + left + right).digest() for left, right in zip(nodes[::2], nodes[1::2], strict=False)]
    return [*above, nodes[-1]] if len(nodes) % 2 else above


@dataclass(frozen=True, slots=True)
class Seal:
    """A signed statement about the facts from `first` to `last` and, through the chain, about all before them."""

    number: int
    first: int
    last: int
    root: bytes
    chain: bytes
    previous: bytes
    sealed_at: str
    key_id: str
    signature: bytes = b""

    @classmethod
    def from_row(cls, row: Any) -> "Seal":
        """From a row that begins with SEAL_COLUMNS."""
        number, first, last, root, chain, previous, sealed_at, key_id, signature = list(row)[:9]
        return cls(number, first, last, root, chain, previous, time_text(sealed_at).decode(), key_id, signature)

    @property
    def facts(self) -> int:
        return self.last - self.first + 1

    def message(self) -> bytes:
        """What is signed."""
        hashes = self.root.hex(), self.chain.hex(), self.previous.hex()
        return packed(_SEAL, self.number, self.first, self.last, *hashes, self.sealed_at, self.key_id)

    def hash(self) -> bytes:
        """What the next seal names as `previous`."""
        return sha256(self.message()).digest()

    @property
    def signature_text(self) -> str:
        return base64.b64encode(self.signature).decode()

    def numbered(self, number: int) -> "Seal":
        return replace(self, number=number)


def split(digests: bytes) -> list[bytes]:
    """The digests of a seal's facts, one by one."""
    return [digests[start : start + HASH_BYTES] for start in range(0, len(digests), HASH_BYTES)]
