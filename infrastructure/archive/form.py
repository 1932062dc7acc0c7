"""The form of an archive file: lines of JSON, compressed with gzip. docs/archive.md has it in words.

First says a line which part of the book it is, then comes each seal with the facts that it covers behind it, and the
last line has a hash over all before it. Facts are in the texts that seals are made from, so that nothing is lost.
"""

import gzip
import os
import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from infrastructure.seal import Seal, digest_of, time_text

FORMAT, FORMAT_VERSION = "daybook-archive", 1
COMPRESSION = 3
"""Of gzip's levels 1 to 9: beyond it files get little smaller, and writing them much slower."""
LONGEST_LINE_BYTES = 64 * 1024 * 1024


class Damaged(Exception):
    """This is not an archive, or no longer a whole one; the message says where."""


class SealLine(msgspec.Struct, tag_field="line", tag="seal", frozen=True):
    """A seal; hashes in hexadecimal digits, the signature and the digests in base64."""

    number: int
    first: int
    last: int
    root: str
    chain: str
    previous: str
    sealed_at: str
    key_id: str
    signature: bytes
    digests: bytes = b""

    @classmethod
    def of(cls, seal: Seal, digests: bytes = b"") -> "SealLine":
        hashes = seal.root.hex(), seal.chain.hex(), seal.previous.hex()
        return cls(seal.number, seal.first, seal.last, *hashes, seal.sealed_at, seal.key_id, seal.signature, digests)

    def seal(self) -> Seal:
        """Raises ValueError for what are no hashes."""
        root, chain, previous = map(bytes.fromhex, (self.root, self.chain, self.previous))
        return Seal(
            self.number, self.first, self.last, root, chain, previous, self.sealed_at, self.key_id, self.signature
        )


class HeaderLine(msgspec.Struct, tag_field="line", tag="archive", frozen=True):
    """Which positions the file has, in which form; `before` is the seal on which its first one follows."""

    format: str
    version: int
    first: int
    last: int
    before: SealLine | None


class FactLine(msgspec.Struct, tag_field="line", tag="fact", frozen=True):
    """A fact in its place, in the texts of docs/verifying-a-fact.md."""

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

    @classmethod
    def of(cls, row: Any) -> "FactLine":
        """From a row of infrastructure.seal.FACT_COLUMNS."""
        position, stream, version, type_name, schema_version, fact_id, occurred_at, recorded_at, metadata, body = row
        times = time_text(occurred_at).decode(), time_text(recorded_at).decode()
        return cls(position, stream, version, type_name, schema_version, fact_id, *times, metadata, body)

    def digest(self) -> bytes:
        """As infrastructure.seal.digest."""
        named = self.stream, self.version, self.type, self.schema_version, self.id
        return digest_of(*named, self.occurred_at.encode(), self.recorded_at.encode(), self.metadata, self.body)


class EndLine(msgspec.Struct, tag_field="line", tag="end", frozen=True):
    """How many facts there were, and the SHA-256 of all lines before this one, in hexadecimal digits."""

    facts: int
    sha256: str


Line = HeaderLine | SealLine | FactLine | EndLine

_encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


class Writer:
    """Writes the lines of one file. What the file holds is on disk when `end` returns."""

    def __init__(self, path: Path, header: HeaderLine) -> None:
        self._file = path.open("wb")
        # Neither name nor time: the same part of the book gives the same file.
        self._gzip = gzip.GzipFile("", "wb", COMPRESSION, self._file, mtime=0)
        self._hash, self._facts = sha256(), 0
        self._write(_encode(header) + b"\n")

    def seal(self, seal: Seal, digests: bytes) -> None:
        self._write(_encode(SealLine.of(seal, digests)) + b"\n")

    def facts(self, rows: list[Any]) -> None:
        """Rows of infrastructure.seal.FACT_COLUMNS, which stand behind the seal that covers them."""
        self._facts += len(rows)
        if rows:
            self._write(b"\n".join([_encode(FactLine.of(row)) for row in rows]) + b"\n")

    def end(self) -> EndLine:
        end = EndLine(self._facts, self._hash.hexdigest())
        self._gzip.write(_encode(end) + b"\n")
        self._gzip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self.close()
        return end

    def close(self) -> None:
        self._file.close()

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._gzip.write(data)


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a file, of which the last one is judged already. Raises Damaged, or OSError if it cannot be read."""
    hashed, number, ended = sha256(), 0, False
    with path.open("rb") as file, gzip.GzipFile(fileobj=file) as lines:
        while True:
            number += 1
            try:
                raw = lines.readline(LONGEST_LINE_BYTES)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise Damaged(f"line {number} cannot be read: {error}") from None
            if not raw:
                break
            if ended:
                raise Damaged(f"line {number} stands behind the last one")
            line = _decoded(raw, number)
            if (number == 1) is not isinstance(line, HeaderLine):
                raise Damaged(f"line {number} does not say which part of the book this is" if number == 1 else
                              f"line {number} begins another archive")  # fmt: skip
            if isinstance(line, EndLine):
                ended = True
                if line.sha256 != hashed.hexdigest():
                    raise Damaged("the hash in the last line is not that of the lines before it")
            hashed.update(raw)
            yield line
    if not ended:
        raise Damaged(f"the file ends behind line {number - 1}, and that is not its last one")


def _decoded(raw: bytes, number: int) -> Line:
    try:
        if not raw.endswith(b"\n"):
            raise ValueError("it is not whole")
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Damaged(f"line {number} cannot be read: {error}") from None
