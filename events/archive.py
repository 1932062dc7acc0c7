"""What is said in the book of its own parts that were taken out into files, and brought back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FactsArchived:
    """The facts from position `first` to `last` are in this file; `kept` of them have stayed in the book as well."""

    file: str
    first: int
    last: int
    facts: int
    kept: int
    sha256: str


@dataclass(frozen=True, slots=True)
class FactsRestored:
    """All facts from position `first` to `last` are in the book again."""

    file: str
    first: int
    last: int


ArchiveEvent = FactsArchived | FactsRestored
