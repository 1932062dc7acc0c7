"""That the past is what it was: seals, the keys that sign them, a check of the book, and proofs for third parties."""

from typing import Annotated

from fastapi import Path, Query

from api.paging import Listed, Page
from api.problems import Problem, invalid
from api.queries.audit_forms import (
    ARCHIVE,
    SEAL,
    ArchiveShown,
    FactShown,
    Key,
    Keys,
    ProofShown,
    SealShown,
    StepShown,
    Verified,
)
from api.queries.routing import page_of, query_router, shown
from api.reading import MAX_POSITION, Read
from api.security import Admin
from infrastructure import seal as sealing
from infrastructure.archive.catalog import ARCHIVES
from infrastructure.positions import HEAD
from infrastructure.proofs import SEALS, NoSuchFact, NotSealed, prove
from infrastructure.verification import verify

router = query_router("/v1/audit", "audit")

MAX_VERIFIED_FACTS = 20_000
"""In one request, give or take a seal: about a second's work."""

Position = Annotated[int, Path(ge=1, le=MAX_POSITION, description="The position of a fact.", examples=[1042])]


@router.get("/keys")
async def list_keys(read: Read) -> Keys:
    """The public keys of the seals, for everyone. Compare them with what the shop has told you by another way."""
    return Keys(
        data=[Key(key_id=key.key_id, public_key=key.text, retired=key.retired) for key in read.shop.keyring.public]
    )


@router.get("/seals", responses=shown(page_of(SEAL)))
async def list_seals(read: Read, page: Listed, admin: Admin) -> Page[SealShown]:
    """All seals, newest first. Each names the one before by its hash, so they form a chain of their own."""
    await read.seen(HEAD)
    return await page(SEALS, {}, lambda row: SealShown.of(sealing.Seal.from_row(row)))


@router.get("/archives", responses=shown(page_of(ARCHIVE)))
async def list_archives(read: Read, page: Listed, admin: Admin) -> Page[ArchiveShown]:
    """The parts of the book that are in files, in order of positions. See docs/archive.md."""
    await read.seen(HEAD)
    return await page(ARCHIVES, {}, lambda row: ArchiveShown(**dict(row)))


@router.get("/proof/{position}")
async def show_proof(position: Position, read: Read, admin: Admin) -> ProofShown:
    """That a fact is in the book, for someone who trusts nothing but the public key.

    docs/verifying-a-fact.md has the few lines of Python that check it. `410 facts_archived` if it is in an archive."""
    await read.seen(HEAD)
    try:
        proof = await prove(read.shop.pool, position)
    except NoSuchFact:
        raise Problem(404, "not_found", f"There is no fact at position {position}.") from None
    except NotSealed:
        raise Problem(409, "not_sealed", f"The fact at position {position} is not sealed yet.") from None
    path = [StepShown(side=step.side, hash=step.hash.hex()) for step in proof.path]
    return ProofShown(fact=FactShown.model_validate(proof.fact), path=path, seal=SealShown.of(proof.seal))


@router.get("/verify")
async def verify_book(
    read: Read,
    admin: Admin,
    first: Annotated[int, Query(alias="from", ge=1, le=MAX_POSITION, description="The first position.")] = 1,
    last: Annotated[
        int | None, Query(alias="to", ge=1, le=MAX_POSITION, description="The last position; by default, the head.")
    ] = None,
) -> Verified:
    """Recompute hashes, roots and signatures from the facts themselves, and name what does not agree.

    One request covers some twenty thousand facts, in whole seals; go on at `next_from`. `daybook verify` does all."""
    if last is not None and last < first:
        raise invalid("?to", "must not be before `from`")
    await read.seen(HEAD)
    report = await verify(read.shop.pool, read.shop.keyring, first=first, last=last, max_facts=MAX_VERIFIED_FACTS)
    if report.is_beyond(first):
        raise invalid("?from", f"must not be beyond the end of the book, position {report.end}")
    until = report.end if last is None else min(last, report.end)
    return Verified(
        sound=report.sound,
        first=report.first,
        last=report.last,
        next_from=report.last + 1 if report.last < until else None,
        head=report.head,
        facts=report.facts,
        seals=report.seals,
        unsealed=report.unsealed,
        archived=report.archived,
        archives=list(report.archives),
        findings=list(report.findings),
        more_findings=report.more_findings,
        newest_seal=report.newest_seal,
    )
