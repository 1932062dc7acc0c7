"""The format of seals: bytes that cannot be confused, trees as in RFC 6962, signatures of our keys only."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.keyring import Keyring
from infrastructure.seal import (
    NOTHING,
    Seal,
    chained,
    digest,
    inclusion_path,
    leaf,
    merkle_root,
    packed,
    split,
    time_text,
)

SEAL = Seal(1, 1, 3, b"r" * 32, b"c" * 32, NOTHING, "2026-05-01T12:00:00.000000Z", "")
KEYRING = Keyring(bytes(32))
FACT: tuple[Any, ...] = (
    7,
    "cart-1",
    2,
    "CartLineAdded",
    1,
    "01890a5d-ac96-774b-bcce-b302099a8057",
    bytes(8),
    (1).to_bytes(8, "big"),
    '{"actor": "Zoë"}',
    "{}",
)


def rfc_6962_root(nodes: list[bytes]) -> bytes:
    """As the RFC words it: split at the largest power of two below the number of leaves."""
    if len(nodes) == 1:
        return nodes[0]
    split_at = 1 << (len(nodes) - 1).bit_length() - 1
    return sha256(b"\1" + rfc_6962_root(nodes[:split_at]) + rfc_6962_root(nodes[split_at:])).digest()


@pytest.mark.parametrize("size", range(1, 34))
def test_roots_are_those_of_rfc_6962_and_every_leaf_has_its_way_to_them(size: int) -> None:
    nodes = [leaf(position, bytes(32)) for position in range(1, size + 1)]
    root = merkle_root(nodes)
    assert root == rfc_6962_root(nodes)
    for index, node in enumerate(nodes):
        for step in inclusion_path(nodes, index):
            node = sha256(b"\1" + (step.hash + node if step.side == "left" else node + step.hash)).digest()
        assert node == root


@given(st.lists(st.text()), st.lists(st.text()))
def test_different_values_never_pack_to_the_same_bytes(one: list[str], other: list[str]) -> None:
    assert (packed(*one) == packed(*other)) == (one == other)


def test_a_fact_is_digested_as_its_packed_texts() -> None:
    times = "2000-01-01T00:00:00.000000Z", "2000-01-01T00:00:00.000001Z"
    texts = "daybook-fact-1", *FACT[1:6], *times, *FACT[8:]
    assert digest(FACT) == sha256(packed(*texts)).digest()
    assert leaf(7, digest(FACT)) == sha256(b"\0" + packed(7, digest(FACT).hex())).digest()


@pytest.mark.parametrize("field", range(1, 10))
def test_every_part_of_a_fact_counts(field: int) -> None:
    changed = list(FACT)
    kind = type(changed[field])
    changed[field] = {int: 3, str: "other", bytes: (9).to_bytes(8, "big")}[kind]
    assert digest(tuple(changed)) != digest(FACT)


def test_a_time_that_python_does_not_know_still_has_its_own_text() -> None:
    texts = {time_text(number.to_bytes(8, "big", signed=True)) for number in (2**63 - 1, -(2**63), 2**62, 0)}
    assert len(texts) == 4


def test_the_chain_goes_on_where_it_stopped() -> None:
    nodes = [leaf(position, bytes(32)) for position in range(1, 6)]
    assert chained(chained(NOTHING, nodes[:2]), nodes[2:]) == chained(NOTHING, nodes)
    assert chained(NOTHING, nodes[::-1]) != chained(NOTHING, nodes)


def test_digests_come_apart_again() -> None:
    digests = [bytes([n]) * 32 for n in range(3)]
    assert split(b"".join(digests)) == digests


@pytest.mark.parametrize(
    "change",
    [
        {"number": 2},
        {"first": 2},
        {"last": 4},
        {"root": NOTHING},
        {"chain": NOTHING},
        {"previous": b"p" * 32},
        {"sealed_at": "2026-05-01T12:00:01.000000Z"},
    ],
)
def test_a_signature_holds_for_nothing_but_the_seal_it_was_given_to(change: dict[str, Any]) -> None:
    signed = KEYRING.signed(replace(SEAL, key_id=KEYRING.key_id))
    assert KEYRING.holds(signed)
    assert not KEYRING.holds(replace(signed, **change))
    assert replace(signed, **change).hash() != signed.hash()


def test_only_keys_that_we_trust_count() -> None:
    stranger = Keyring(b"x" * 32)
    signed = stranger.signed(replace(SEAL, key_id=stranger.key_id))
    assert not KEYRING.knows(signed)
    assert not KEYRING.holds(signed)
    assert not KEYRING.holds(replace(signed, key_id=KEYRING.key_id))
    assert Keyring(bytes(32), [stranger.public[0].raw]).holds(signed)
    assert Keyring(retired=[stranger.public[0].raw]).holds(signed)


def test_a_keyring_without_a_seed_cannot_sign() -> None:
    assert not Keyring().can_sign
    assert [key.retired for key in Keyring(bytes(32), [b"x" * 32]).public] == [False, True]
