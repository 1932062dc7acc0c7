"""That the past is what it was: seals, the keys that sign them, a check of the book, and proofs for third parties."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import BaseModel, Field

from api.paging import Listed, Page
from api.problems import Problem, invalid
from api.queries.routing import page_of, query_router, shown
from api.reading import MAX_POSITION, Read
from api.security import Admin
from events.store import Archive
from infrastructure import seal as sealing
from infrastructure.archive.catalog import ARCHIVES
from infrastructure.positions import HEAD
from infrastructure.proofs import SEALS, NoSuchFact, NotSealed, prove
from infrastructure.verification import Finding, KeptSeal, verify

router = query_router("/v1/audit", "audit")

MAX_VERIFIED_FACTS = 20_000
"""In one request, give or take a seal: about a second's work."""

Position = Annotated[int, Path(ge=1, le=MAX_POSITION, description="The position of a fact.", examples=[1042])]
Hash = Annotated[str, Field(description="SHA-256 in hexadecimal digits.")]


class SealShown(BaseModel):
    """A signed statement about all facts from `first_position` to `last_position`. See docs/verifying-a-fact.md."""

    number: int
    first_position: int
    last_position: int
    root: Annotated[Hash, Field(description="The Merkle root of these facts (RFC 6962).")]
    chain: Annotated[Hash, Field(description="The hash chain over all facts up to the last of these.")]
    previous: Annotated[Hash, Field(description="The `hash` of the seal before; zeros for the first one.")]
    sealed_at: str
    key_id: str
    signature: Annotated[str, Field(description="Ed25519, in base64.")]
    hash: Hash


class Key(BaseModel):
    """A public key, whose signatures under seals are good."""

    key_id: str
    algorithm: Literal["Ed25519"] = "Ed25519"
    public_key: Annotated[str, Field(description="Its 32 bytes in base64.")]
    retired: Annotated[bool, Field(description="It has signed seals before, and signs no more.")]


class Keys(BaseModel):
    data: list[Key]


class FactShown(BaseModel):
    """A fact with the very texts that were hashed; `metadata` and `body` are JSON, kept as text."""

    position: int
    stream: str
    version: int
    type: str
    schema_version: int
    id: str
    occurred_at: str
    recorded_at: str
    metadata: str
    body: str


class StepShown(BaseModel):
    side: Annotated[Literal["left", "right"], Field(description="Where this hash stands beside the one so far.")]
    hash: Hash


class ProofShown(BaseModel):
    fact: FactShown
    path: Annotated[list[StepShown], Field(description="From the fact's leaf up to the root of its seal.")]
    seal: SealShown


class ArchiveShown(BaseModel):
    """A part of the book that is in a file. `kept` of its facts have stayed in the book as well."""

    first_position: int
    last_position: int
    file: str
    sha256: Annotated[Hash, Field(description="Of the file's lines but the last one, which says the same.")]
    facts: int
    kept: int
    archived_at: datetime
    archived_by: str


class Verified(BaseModel):
    """Whether the facts from `first` to `last` are as they were sealed, and what is wrong otherwise."""

    sound: bool
    first: int
    last: int
    next_from: Annotated[int | None, Field(description="Send it as `from` to go on; null at the end of the book.")]
    head: int
    facts: int
    seals: int
    unsealed: Annotated[int, Field(description="Facts at the end that have no seal yet: only their order is judged.")]
    archived: Annotated[int, Field(description="Facts that are in `archives`: `daybook verify --archive` judges them.")]
    archives: list[Archive]
    findings: list[Finding]
    more_findings: int
    newest_seal: Annotated[KeptSeal | None, Field(description="Note it down elsewhere: see `daybook verify --kept`.")]


_SEAL = {
    "number": 2,
    "first_position": 1025,
    "last_position": 2048,
    "root": "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "chain": "fbc2f4300c01f0b7820d00e3347c8da4ee614674376cbc45359daa54f9b5493e",
    "previous": "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "sealed_at": "2026-05-01T12:00:05.000000Z",
    "key_id": "21fe31dfa154a261",
    "signature": "5VZDAMNgrHKQhh8HmgkLKn7vfvhXbDvBJbGbqp5zHWwgqK2eoHbtF1oCLwf06v1ENcJdNpJ0zzqWhbGCWGDZCg==",
    "hash": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
}


_ARCHIVE = {
    "first_position": 1,
    "last_position": 10_000_000,
    "file": "facts-1-10000000.ndjson.gz",
    "sha256": "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "facts": 10_000_000,
    "kept": 1_042_117,
    "archived_at": "2026-05-01T12:00:05Z",
    "archived_by": "cli",
}


@router.get("/keys")
async def list_keys(read: Read) -> Keys:
    """The public keys of the seals, for everyone. Compare them with what the shop has told you by another way."""
    return Keys(
        data=[Key(key_id=key.key_id, public_key=key.text, retired=key.retired) for key in read.shop.keyring.public]
    )


@router.get("/seals", responses=shown(page_of(_SEAL)))
async def list_seals(read: Read, page: Listed, admin: Admin) -> Page[SealShown]:
    """All seals, newest first. Each names the one before by its hash, so they form a chain of their own."""
    await read.seen(HEAD)
    return await page(SEALS, {}, lambda row: _shown(sealing.Seal.from_row(row)))


@router.get("/archives", responses=shown(page_of(_ARCHIVE)))
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
    return ProofShown(fact=FactShown.model_validate(proof.fact), path=path, seal=_shown(proof.seal))


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


def _shown(seal: sealing.Seal) -> SealShown:
    return SealShown(
        number=seal.number,
        first_position=seal.first,
        last_position=seal.last,
        root=seal.root.hex(),
        chain=seal.chain.hex(),
        previous=seal.previous.hex(),
        sealed_at=seal.sealed_at,
        key_id=seal.key_id,
        signature=seal.signature_text,
        hash=seal.hash().hex(),
    )
