"""Whole answers in this process's memory, dropped when the projectors say that what they rest on has changed.

The projectors tell it in the transaction that changes the rows, before they tell how far they are. So whoever has
heard that a projection is at position n has heard of every change up to n: an answer that is still here then stands
for n, however old it is. While nobody listens nothing is kept; and nothing outlives the entry in Redis that it is of.
"""

import asyncio
import gzip
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CHANGES_KEPT = 10_000
ENTRY_OVERHEAD_BYTES = 1_000
COMPRESSED_FROM_BYTES = 1_000
COMPRESSION = 6

Target = tuple[str, bytes]
"""Path and query of a request, as they came."""
Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class NearAnswer:
    """What goes out as it is. `position` is what the body was read at; it stands for more as time goes on."""

    kind: str
    identity: str
    route: str
    position: int
    generation: int
    projections: tuple[str, ...]
    etag: bytes
    headers: Headers
    body: bytes
    _gzipped: bytes = b""

    @property
    def size(self) -> int:
        """In bytes, with room for the compressed body."""
        return 2 * len(self.body) + ENTRY_OVERHEAD_BYTES

    @property
    def is_compressible(self) -> bool:
        return len(self.body) >= COMPRESSED_FROM_BYTES

    def compressed(self) -> bytes:
        """With gzip; made when it is first wanted."""
        self._gzipped = self._gzipped or gzip.compress(self.body, COMPRESSION, mtime=0)
        return self._gzipped


class NearCache:
    """Belongs to one event loop. `room` is in bytes; without room nothing is kept."""

    def __init__(self, room: int) -> None:
        self._room, self._used = room, 0
        self._answers: OrderedDict[Target, tuple[float, NearAnswer]] = OrderedDict()
        self._targets: dict[tuple[str, str], set[Target]] = defaultdict(set)
        self.listening = False
        self.generation = 0
        """To be noted before rows are read: see infrastructure.cache_generation."""
        self._heard: dict[str, int] = {}
        self._changed: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._floor = 0
        """What was read before this position may have changed without our knowing."""

    def began(self, positions: Mapping[str, int]) -> None:
        """From now on every change is heard of; before, up to these positions, some may have been missed."""
        self.listening = True
        self._floor = max([self._floor, *positions.values()])
        for name, position in positions.items():
            self.reached(name, position)

    def lost(self) -> None:
        """Nothing is heard any more."""
        self.listening = False
        self._clear()

    def renewed(self, generation: int) -> None:
        """Nothing is good that was read before."""
        if generation != self.generation:
            self.generation = generation
            self._clear()

    def reached(self, projection: str, position: int) -> None:
        self._heard[projection] = max(self._heard.get(projection, 0), position)

    def changed(self, kind: str, position: int, identities: Sequence[str]) -> None:
        """These have changed at `position`; without identities, everything of the kind."""
        if not identities:
            self._floor = max(self._floor, position)
        for identity in identities or [identity for of, identity in self._targets if of == kind]:
            self._changed.pop((kind, identity), None)
            self._changed[kind, identity] = position
            for target in [*self._targets.get((kind, identity), ())]:
                # Also at that very position: after a crash of the server a page may be folded again.
                if self._answers[target][1].position <= position:
                    self._drop(target)
        while len(self._changed) > CHANGES_KEPT:
            self._floor = max(self._floor, self._changed.popitem(last=False)[1])

    def is_current(self, kind: str, identity: str, position: int) -> bool:
        """Whether nothing that we know of has changed since `position`."""
        return self.listening and position >= max(self._floor, self._changed.get((kind, identity), 0))

    def is_overtaken(self, kind: str, identity: str, position: int) -> bool:
        """Whether we have heard of a change since `position`, or may have missed one; Redis may not know of it yet."""
        return self.listening and not self.is_current(kind, identity, position)

    def heard(self, projections: Sequence[str]) -> int:
        """Up to which position every change to all of these is known."""
        return min([self._heard.get(name, 0) for name in projections]) if self.listening else 0

    def keep(self, target: Target, answer: NearAnswer, good_for_s: float) -> None:
        """Unless it has been overtaken by a change, or is larger than a tenth of the room."""
        if answer.size * 10 > self._room or answer.generation != self.generation:
            return
        if not self.is_current(answer.kind, answer.identity, answer.position):
            return
        self._drop(target)
        self._answers[target] = asyncio.get_running_loop().time() + good_for_s, answer
        self._targets[answer.kind, answer.identity].add(target)
        self._used += answer.size
        while self._used > self._room:
            self._drop(next(iter(self._answers)))

    def find(self, target: Target, at_least: int = 0) -> tuple[int, NearAnswer] | None:
        """The answer, and the position that it stands for now; None if that is before `at_least`."""
        held = self._answers.get(target)
        if held is None:
            return None
        until, answer = held
        if asyncio.get_running_loop().time() >= until:
            self._drop(target)
            return None
        position = max(answer.position, self.heard(answer.projections))
        if position < at_least:
            return None
        self._answers.move_to_end(target)
        return position, answer

    def _clear(self) -> None:
        self._used = 0
        self._answers.clear()
        self._targets.clear()

    def _drop(self, target: Target) -> None:
        held = self._answers.pop(target, None)
        if held is not None:
            answer = held[1]
            self._used -= answer.size
            targets = self._targets[answer.kind, answer.identity]
            targets.discard(target)
            if not targets:
                del self._targets[answer.kind, answer.identity]
