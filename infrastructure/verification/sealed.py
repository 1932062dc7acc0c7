"""Judges facts by their seals: what is signed is believed, and everything else is compared with it."""

from collections.abc import Sequence
from itertools import zip_longest

from infrastructure.keyring import Keyring
from infrastructure.seal import NOTHING, Seal, chained, leaf, leaves, merkle_root, split
from infrastructure.verification.findings import Findings, Kind, Suspects

MAX_SEALED_FACTS = 65_536
"""No honest seal is larger, and a forged one must not fill the memory."""


class Judge:
    """Takes the book in the order of positions: `sealed` for what a seal covers, `uncovered` for what none does."""

    def __init__(self, keyring: Keyring, findings: Findings, before: Seal | None, first: int) -> None:
        """Positions from `first` on will be judged; `before` is the last seal that ends before it, if there is one."""
        self._keyring, self._findings = keyring, findings
        self._suspects = Suspects()
        self._previous = before
        self._previous_holds = before is None or keyring.holds(before)
        # The chain as the facts give it; None where it cannot be known, up to the end of the next seal that holds.
        self._chain: bytes | None = None
        if self._previous_holds and first == (1 if before is None else before.last + 1):
            self._chain = NOTHING if before is None else before.chain
        self.seals = 0

    @property
    def covered_to(self) -> int:
        """The last position that a seal speaks of."""
        return 0 if self._previous is None else self._previous.last

    def admit(self, seal: Seal) -> bool:
        """Judge what a seal says of itself, and its place among the seals. Whether its facts can be judged by it."""
        before = self._previous
        number, first = 1 if before is None else before.number + 1, self.covered_to + 1
        self.seals += 1
        holds = self._keyring.holds(seal)
        if not holds and self._keyring.holds(seal.numbered(number)):
            detail = f"seal {number} stands as seal {seal.number}"
            self._findings.add(Kind.SEAL_MOVED, detail, seal.first, seal.last, seal=seal.number)
            seal, holds = seal.numbered(number), True
        if not holds:
            self._forged(seal)
            if seal.first != first or not 0 < seal.facts <= MAX_SEALED_FACTS:
                return False
            seal = seal.numbered(number)
        elif seal.number > number and seal.first > first:
            gone = f"seal {number} is" if seal.number == number + 1 else f"seals {number} to {seal.number - 1} are"
            detail = f"{gone} gone: no seal covers positions {first} to {seal.first - 1}"
            self._findings.add(Kind.SEAL_REMOVED, detail, first, seal.first - 1, seal=number)
        elif (seal.number, seal.first) != (number, first) or (
            self._previous_holds and seal.previous != (NOTHING if before is None else before.hash())
        ):
            detail = f"seal {seal.number} does not follow on the seal before it: one of them is from another book"
            self._findings.add(Kind.SEAL_OUT_OF_LINE, detail, seal.first, seal.last, seal=seal.number)
            if seal.first < first:
                return False
        self._previous, self._previous_holds = seal, holds
        return True

    def sealed(self, seal: Seal, stored_digests: bytes, facts: Sequence[bytes | None]) -> None:
        """`facts` has the digest of the fact at each position of the seal, None where there is none."""
        holds, stored = self._previous_holds, split(stored_digests)
        found = [each for each in facts if each is not None]
        nodes = leaves(seal.first, found) if len(found) == len(facts) else None
        right = nodes is not None and merkle_root(nodes) == seal.root
        chain = None if nodes is None or self._chain is None else chained(self._chain, nodes)
        if right:
            if stored != found:
                self._digests_changed(seal)
            if holds and chain is not None and chain != seal.chain:
                self._findings.add(
                    Kind.FACTS_DIFFER,
                    f"the facts before position {seal.first} are not those that stood there at seal {seal.number}",
                    last=seal.first - 1,
                    seal=seal.number,
                )
        else:
            self._compare(seal, stored, facts)
        self._chain = seal.chain if holds else chain

    def uncovered(self, position: int, fact: bytes) -> None:
        """A fact without a seal only carries the chain on. Call `gap` where one is missing."""
        self._suspects.stray(position, fact)
        if self._chain is not None:
            self._chain = chained(self._chain, [leaf(position, fact)])

    def gap(self) -> None:
        self._chain = None

    def explain(self) -> None:
        """Add what can only be told when everything has been seen."""
        self._suspects.explain(self._findings)

    def _compare(self, seal: Seal, stored: Sequence[bytes], facts: Sequence[bytes | None]) -> None:
        trusted = len(stored) == len(facts) and merkle_root(leaves(seal.first, stored)) == seal.root
        suspected = False
        for position, (was, found) in enumerate(zip_longest(stored[: len(facts)], facts), seal.first):
            if found is None or (was is not None and was != found):
                self._suspects.add(position, was, found)
                suspected = True
        if not self._previous_holds:  # nothing is known of what these digests should be
            return
        if not trusted:
            self._digests_changed(seal)
        if not suspected:
            detail = f"the facts at positions {seal.first} to {seal.last} are not those of seal {seal.number}"
            self._findings.add(Kind.FACTS_DIFFER, detail, seal.first, seal.last, seal=seal.number)

    def _forged(self, seal: Seal) -> None:
        if self._keyring.knows(seal):
            detail = f"the signature of seal {seal.number} does not hold: it is forged or has been changed"
        else:
            detail = f"seal {seal.number} is signed by a key that is not ours: {seal.key_id}"
        self._findings.add(Kind.SEAL_FORGED, detail, seal.first, seal.last, seal=seal.number)

    def _digests_changed(self, seal: Seal) -> None:
        detail = f"the digests beside seal {seal.number} are not those that it signs"
        self._findings.add(Kind.DIGESTS_CHANGED, detail, seal.first, seal.last, seal=seal.number)
