"""Who holds a name that may be held only once, such as a SKU or a slug.

A claim is a stream of its own (`claim-sku:A1`): two who ask for one name at once meet in the version check of that
stream, so uniqueness needs no lock and no unique index over read tables that lag.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NameClaimed:
    name: str
    owner: str


@dataclass(frozen=True, slots=True)
class NameReleased:
    name: str
    owner: str


ClaimEvent = NameClaimed | NameReleased
