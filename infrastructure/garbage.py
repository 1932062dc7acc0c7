"""Sparing the garbage collector work that cannot find anything."""

import contextlib
import gc
from collections.abc import Iterator

ALLOCATIONS = 100_000


@contextlib.contextmanager
def rarely_collected() -> Iterator[None]:
    """For long runs over much that stays: what is there now is not looked through again, and the new less often.

    Looking through the same hundred thousand objects again and again took up to half of an import's time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
