"""Someone with all rights over the database changes seals, to hide what was changed or to cast doubt: it is named."""

from collections.abc import AsyncIterator

import pytest

from infrastructure.keyring import Keyring
from infrastructure.seal import SEAL_COLUMNS, Seal, chained, digest, facts_between, leaves, merkle_root
from tests.integration.sealed_book import KEYRING, STRANGER, SealedBook, open_book, swapped
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE


@pytest.fixture
async def book(database_url: str) -> AsyncIterator[SealedBook]:
    async with open_book(database_url) as book:
        yield book


@pytest.mark.parametrize(
    "change",
    [
        "root = chain",
        "chain = root",
        "previous = root",
        "sealed_at = now() + interval '1 day'",
        "sealed_at = 'infinity'",
        "signature = (SELECT signature FROM seals WHERE number = 2)",
        "signature = ''",
        "number = 17",
    ],
)
async def test_a_changed_seal_is_named(book: SealedBook, change: str) -> None:
    await book.change(f"UPDATE seals SET {change} WHERE number = 3")
    expected = ("seal_moved", 33, 48, 17) if change == "number = 17" else ("seal_forged", 33, 48, 3)
    assert await book.found() == [expected]


@pytest.mark.parametrize("change", ["last_position = 47", "first_position = -100", "last_position = 1000000000000"])
async def test_a_seal_that_claims_other_positions_is_named(book: SealedBook, change: str) -> None:
    await book.change(f"UPDATE seals SET {change} WHERE number = 3")
    assert "seal_forged" in {kind for kind, *_ in await book.found()}


async def test_changed_digests_are_named_and_no_fact_is_blamed(book: SealedBook) -> None:
    await book.change("UPDATE seals SET digests = set_byte(digests, 40, 255 - get_byte(digests, 40)) WHERE number = 3")
    assert await book.found() == [("digests_changed", 33, 48, 3)]


async def test_a_fact_changed_with_its_digest_is_found_by_its_seal(book: SealedBook) -> None:
    await book.change(
        "UPDATE facts SET body = '{}' WHERE position = 37", "UPDATE seals SET digests = '' WHERE number = 3"
    )
    assert await book.found() == [("digests_changed", 33, 48, 3), ("facts_differ", 33, 48, 3)]


async def test_a_missing_fact_is_named_though_its_digest_is_gone_too(book: SealedBook) -> None:
    await book.change("DELETE FROM facts WHERE position = 37", "UPDATE seals SET digests = '' WHERE number = 3")
    assert {("fact_missing", 37, 37), ("digests_changed", 33, 48, 3)} <= set(await book.found())


@pytest.mark.parametrize(("number", "first", "last"), [(1, 1, 16), (3, 33, 48)])
async def test_a_removed_seal_is_named_and_its_facts_still_judged(
    book: SealedBook, number: int, first: int, last: int
) -> None:
    await book.change(f"DELETE FROM seals WHERE number = {number}")
    assert await book.found() == [("seal_removed", first, last, number)]
    await book.change(f"UPDATE facts SET body = '{{}}' WHERE position = {first}")
    assert ("facts_differ", last, number + 1) in await book.found()


async def test_removed_seals_at_the_end_are_named(book: SealedBook) -> None:
    await book.change("DELETE FROM seals WHERE number > 4")
    assert await book.found() == [("seal_removed", 65, 96)]


async def test_seals_that_have_changed_places_are_named(book: SealedBook) -> None:
    await book.change(swapped("seals", "number", 3, 4))
    assert await book.found() == [("seal_moved", 33, 48, 4), ("seal_moved", 49, 64, 3)]


async def test_a_seal_signed_by_another_key_is_refused(book: SealedBook) -> None:
    """As one who has no key of ours would do it: change a fact, and seal it anew with everything that follows."""
    await book.change("UPDATE facts SET body = '{}' WHERE position = 90")
    seal = await _sealed_anew(book, STRANGER, 6)
    assert await book.found() == [("seal_forged", 81, 96, 6)]
    assert "a key that is not ours" in (await book.report()).findings[0].detail
    await book.change(f"UPDATE seals SET key_id = '{KEYRING.key_id}' WHERE number = 6")
    assert await book.found() == [("seal_forged", 81, 96, 6)]
    assert STRANGER.holds(seal)


async def test_a_forged_seal_does_not_hide_what_was_changed_before_the_next_one(book: SealedBook) -> None:
    await book.change("UPDATE facts SET body = '{}' WHERE position = 37")
    await _sealed_anew(book, STRANGER, 3)
    assert await book.found() == [("seal_forged", 33, 48, 3), ("facts_differ", 48, 4)][::-1]


async def test_a_retired_key_is_trusted_when_it_is_named(book: SealedBook) -> None:
    successor = Keyring(b"n" * 32)
    assert len(await book.found(keyring=successor)) == 6
    assert await book.found(keyring=Keyring(b"n" * 32, [KEYRING.public[0].raw])) == []


async def _sealed_anew(book: SealedBook, keyring: Keyring, number: int) -> Seal:
    row = await book.admin.fetchrow(f"SELECT {SEAL_COLUMNS} FROM seals WHERE number = $1", number)
    was = Seal.from_row(row)
    before = await book.admin.fetchrow("SELECT chain FROM seals WHERE number = $1", number - 1)
    assert before is not None
    digests = [digest(fact) for fact in await facts_between(book.pool, was.first - 1, was.last, 1_000)]
    nodes = leaves(was.first, digests)
    chain = chained(before["chain"], nodes)
    forged = keyring.signed(
        Seal(number, was.first, was.last, merkle_root(nodes), chain, was.previous, was.sealed_at, keyring.key_id)
    )
    await book.admin.execute(
        "UPDATE seals SET root = $2, chain = $3, key_id = $4, signature = $5, digests = $6 WHERE number = $1",
        number,
        forged.root,
        forged.chain,
        forged.key_id,
        forged.signature,
        b"".join(digests),
    )
    return forged
