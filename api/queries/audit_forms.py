"""What the audit answers: seals, keys, proofs, archives, and whether the book is sound."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from events.store import Archive
from infrastructure import seal as sealing
from infrastructure.verification import Finding, KeptSeal

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

    @classmethod
    def of(cls, seal: sealing.Seal) -> Self:
        return cls(
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


SEAL = {
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
ARCHIVE = {
    "first_position": 1,
    "last_position": 10_000_000,
    "file": "facts-1-10000000.ndjson.gz",
    "sha256": "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "facts": 10_000_000,
    "kept": 1_042_117,
    "archived_at": "2026-05-01T12:00:05Z",
    "archived_by": "cli",
}
