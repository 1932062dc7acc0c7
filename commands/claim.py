"""Claiming names that only one may hold: SKUs and slugs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from commands.decider import Fold, Read
from commands.rejections import NameTaken
from events.claim import ClaimEvent, NameClaimed, NameReleased


@dataclass(frozen=True, slots=True)
class Claim:
    owner: str | None = None


def evolve(claim: Claim, event: ClaimEvent) -> Claim:
    match event:
        case NameClaimed(owner=owner):
            return replace(claim, owner=owner)
        case NameReleased():
            return replace(claim, owner=None)
        case _:
            assert_never(event)


claims = Fold("claim", Claim(), evolve)


def sku_name(sku: str) -> str:
    return f"sku:{sku}"


def claimed(name: str, owner: str, read: Read) -> Sequence[ClaimEvent]:
    """The fact that `owner` holds `name` from now on; nothing if it does already. Raises NameTaken."""
    match read(claims(name)).owner:
        case None:
            return [NameClaimed(name, owner)]
        case holder if holder == owner:
            return []
        case _:
            raise NameTaken(name)


def released(name: str, owner: str, read: Read) -> Sequence[ClaimEvent]:
    """The fact that `owner` holds `name` no longer; nothing if it does not."""
    return [NameReleased(name, owner)] if read(claims(name)).owner == owner else []
