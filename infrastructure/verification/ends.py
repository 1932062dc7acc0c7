"""Where the book ends, as each of those who keep account of it say, and whether they agree."""

from dataclasses import dataclass

from infrastructure.database import Connection
from infrastructure.seal import SEAL_COLUMNS, Seal
from infrastructure.verification.findings import Findings, Kind

ENDS = """SELECT (SELECT position FROM head) AS head, (SELECT max(position) FROM facts) AS newest,
        (SELECT count(*) FROM facts WHERE position < 1) AS below,
        (SELECT position FROM projections WHERE name = 'seal') AS checkpoint,
        (SELECT max(position) FROM projections) AS projected"""
NEWEST_SEAL = f"SELECT {SEAL_COLUMNS} FROM seals ORDER BY last_position DESC LIMIT 1"
SEAL_NUMBERED = f"SELECT {SEAL_COLUMNS} FROM seals WHERE number = $1"


@dataclass(frozen=True, slots=True)
class KeptSeal:
    """A seal that someone has noted down elsewhere: a book that was replaced as a whole does not have it."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Ends:
    """All read at one moment. `head` is None when its row is gone; `kept` has the same number as the one noted down."""

    head: int | None
    newest: int
    below: int
    checkpoint: int
    projected: int
    seal: Seal | None
    kept: Seal | None


async def read_ends(connection: Connection, kept: KeptSeal | None) -> Ends:
    row = await connection.fetchrow(ENDS)
    newest = await connection.fetchrow(NEWEST_SEAL)
    same = None if kept is None else await connection.fetchrow(SEAL_NUMBERED, kept.number)
    assert row is not None
    return Ends(
        head=row["head"],
        newest=row["newest"] or 0,
        below=row["below"],
        checkpoint=row["checkpoint"] or 0,
        projected=row["projected"] or 0,
        seal=None if newest is None else Seal.from_row(newest),
        kept=None if same is None else Seal.from_row(same),
    )


def check_ends(findings: Findings, ends: Ends, sealed: int) -> None:
    """`sealed` is the last position that a seal speaks of."""
    if ends.below:
        findings.add(Kind.FACT_INSERTED, f"{ends.below:,} facts stand before the first position")
    if ends.head is None:
        findings.add(Kind.HEAD_DIFFERS, "the row of head is gone")
    elif ends.newest > ends.head:
        detail = f"facts stand at positions {ends.head + 1} to {ends.newest}, beyond the head"
        if sealed > ends.head:
            findings.add(Kind.HEAD_DIFFERS, f"head is said to be {ends.head}, and facts go on to {ends.newest}")
        else:
            findings.add(Kind.FACT_INSERTED, detail, ends.head + 1, ends.newest)
    elif sealed > ends.head:
        findings.add(Kind.HEAD_DIFFERS, f"head is said to be {ends.head}, and facts were sealed up to {sealed}")
    if ends.checkpoint > sealed:
        detail = f"facts were sealed up to position {ends.checkpoint}, and the seals that are left end at {sealed}"
        findings.add(Kind.SEAL_REMOVED, detail, sealed + 1, ends.checkpoint)
    if ends.head is not None and ends.projected > ends.head:
        detail = f"the read side has seen facts up to position {ends.projected}, and the book ends at {ends.head}"
        findings.add(Kind.CHECKPOINT_AHEAD, detail, ends.head + 1, ends.projected)


def check_kept(findings: Findings, kept: KeptSeal | None, found: Seal | None) -> None:
    if kept is not None and (found is None or found.hash().hex() != kept.hash):
        detail = f"seal {kept.number} is not the one that was kept: this is not the book that it was taken from"
        findings.add(Kind.KEPT_SEAL_GONE, detail, seal=kept.number)
