"""What a page of projections has changed for those who keep rows and lists, and how they are told."""

from collections.abc import Mapping, Sequence

from infrastructure.folding import Folded
from infrastructure.wakeups import change_payload
from projections.projection import Key

LISTS_KEY = ("changed",)
"""What is marked when the lists of a kind are different now, since nobody knows which lists there are."""


def changes(folds: Sequence[Folded]) -> dict[str, list[Key]]:
    """By the kind of cache entry, what stands for rows and lists that may look different now."""
    changed: dict[str, list[Key]] = {}
    for folded in folds:
        projection = folded.fold.projection
        if folded.touched and projection.cached_as is not None:
            changed[projection.cached_as] = list(map(projection.cached_key, folded.touched))
        if projection.listed_as is not None and folded.shown:
            changed[projection.listed_as] = [LISTS_KEY]
    return changed


def told(changed: Mapping[str, Sequence[Key]], names: Sequence[str], end: int) -> list[str]:
    """Payloads of notifications: what has changed is heard before the position that it is part of."""
    news = [change_payload(kind, end, [":".join(map(str, key)) for key in keys]) for kind, keys in changed.items()]
    return [*news, f"{','.join(names)} {end}"]
