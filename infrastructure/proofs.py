"""What a third party needs to see for itself that a fact is in the book: the fact, its seal, the way between."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from events.store import PositionsArchived
from infrastructure.archive.catalog import archives_between
from infrastructure.database import Pool
from infrastructure.seal import SEAL_COLUMNS, Seal, Step, facts_between, inclusion_path, leaves, split, time_text
from queries.rows import Listing

SEALS = Listing(SEAL_COLUMNS, "seals", {"number": "bigint"}, descending=True)
_SEAL_OF = f"""SELECT {SEAL_COLUMNS}, digests FROM seals
    WHERE last_position >= $1 AND first_position <= $1 ORDER BY last_position LIMIT 1"""


class NoSuchFact(Exception):
    """There is no fact at this position."""


class NotSealed(Exception):
    """The fact has no seal, or none that is whole."""


@dataclass(frozen=True, slots=True)
class Proof:
    """`fact` has the texts that were hashed, by the names in docs/verifying-a-fact.md."""

    fact: Mapping[str, str | int]
    path: Sequence[Step]
    seal: Seal


async def prove(pool: Pool, position: int) -> Proof:
    """That the fact at this position is in the book. Raises NoSuchFact, NotSealed or PositionsArchived."""
    facts = await facts_between(pool, position - 1, position, 1)
    if not facts:
        if archives := await archives_between(pool, position, position):
            raise PositionsArchived(position - 1, archives)
        raise NoSuchFact(position)
    row = await pool.fetchrow(_SEAL_OF, position)
    if row is None:
        raise NotSealed(position)
    seal, digests = Seal.from_row(row), split(row["digests"])
    if len(digests) != seal.facts:
        raise NotSealed(position)
    return Proof(_texts(facts[0]), inclusion_path(leaves(seal.first, digests), position - seal.first), seal)


def _texts(fact: Any) -> dict[str, str | int]:
    times = {name: time_text(fact[name]).decode() for name in ("occurred_at", "recorded_at")}
    return {**dict(fact), **times}
