"""Someone with all rights over the database changes the past: whatever it is, it is found and named."""

from collections.abc import AsyncIterator

import pytest

from infrastructure.keyring import Keyring
from infrastructure.seal import SEAL_COLUMNS, Seal, chained, digest, facts_between, leaves, merkle_root
from infrastructure.verification import KeptSeal, reading, streams
from tests.integration.sealed_book import FACTS, KEYRING, SEALED, STRANGER, SealedBook, open_book


@pytest.fixture
async def book(database_url: str) -> AsyncIterator[SealedBook]:
    async with open_book(database_url) as book:
        yield book


def swapped(table: str, column: str, one: int, other: int) -> str:
    """Without meeting on the way, since both are unique."""
    return f"""UPDATE {table} SET {column} = {column} + 1000 WHERE {column} IN ({one}, {other});
        UPDATE {table} SET {column} = {one + other} - ({column} - 1000) WHERE {column} > 1000"""


def shifted(after: int, by: int) -> str:
    """Every fact beyond `after`, the head and the streams left as they are."""
    return f"""UPDATE facts SET position = -position WHERE position > {after};
        UPDATE facts SET position = -position + {by} WHERE position < 0"""


async def test_nothing_is_wrong_with_an_honest_book(book: SealedBook) -> None:
    report = await book.report()
    assert report.sound, report.findings
    assert (report.first, report.last, report.facts, report.seals, report.unsealed) == (1, FACTS, FACTS, 6, 4)


@pytest.mark.parametrize(
    "change",
    [
        'body = \'{"name": "n6", "owner": "someone else"}\'',
        "body = (body::text || ' ')::json",  # the same to a reader, and not the same bytes
        'metadata = \'{"actor": "nobody"}\'',
        "type = 'NameReleased'",
        "schema_version = 2",
        "id = gen_random_uuid()",
        "occurred_at = occurred_at - interval '1 microsecond'",
        "occurred_at = 'infinity'",
        "recorded_at = recorded_at + interval '1 microsecond'",
    ],
)
async def test_a_changed_fact_is_named_whatever_was_changed(book: SealedBook, change: str) -> None:
    await book.change(f"UPDATE facts SET {change} WHERE position = 37")
    assert ("fact_changed", 37, 37) in await book.found()
    assert [kind for kind, *_ in await book.found() if kind != "time_goes_back"] == ["fact_changed"]


async def test_changed_facts_that_are_neighbours_are_one_finding(book: SealedBook) -> None:
    await book.change("UPDATE facts SET body = '{}' WHERE position BETWEEN 10 AND 20 OR position = 50")
    assert await book.found() == [("fact_changed", 10, 20), ("fact_changed", 50, 50)]


async def test_a_fact_of_another_stream_or_version_is_named(book: SealedBook) -> None:
    await book.change("UPDATE facts SET stream = 'claim-x' WHERE position = 96")
    assert ("fact_changed", 96, 96) in (found := await book.found())
    assert ("stream_differs", "claim-x") in found


async def test_a_missing_fact_is_named(book: SealedBook) -> None:
    await book.change("DELETE FROM facts WHERE position = 37")
    assert await book.found() == [
        ("fact_missing", 37, 37),
        ("stream_broken", 47, 47, "claim-n6"),
    ]


async def test_missing_facts_over_several_seals_are_one_finding(book: SealedBook) -> None:
    await book.change("DELETE FROM facts WHERE position BETWEEN 10 AND 70")
    assert ("fact_missing", 10, 70) in await book.found()


async def test_a_removed_fact_is_named_though_all_others_have_closed_up(book: SealedBook) -> None:
    await book.change("DELETE FROM facts WHERE position = 37", shifted(37, -1), "UPDATE head SET position = 99")
    found = await book.found()
    assert ("fact_missing", 37, 37) in found
    assert ("fact_moved", 37, 95) in found
    assert ("fact_inserted", 96, 96) in found  # one that was never sealed now stands where the last sealed one stood


async def test_an_inserted_fact_is_named_though_all_others_have_moved_on(book: SealedBook) -> None:
    await book.change(
        shifted(36, 1),
        """INSERT INTO facts SELECT 37, gen_random_uuid(), 'claim-new', 1, type, 1, body, metadata, now(), recorded_at
             FROM facts WHERE position = 36""",
        "INSERT INTO streams VALUES ('claim-new', 1)",
        "UPDATE head SET position = 101",
    )
    found = await book.found()
    assert [each for each in found if each[0] != "time_goes_back"] == [
        ("fact_inserted", 37, 37),
        ("fact_moved", 38, SEALED + 1),
    ]


@pytest.mark.parametrize("position", [FACTS + 1, FACTS + 1_000_000_000, 0, -5])
async def test_a_fact_inserted_outside_the_book_is_named(book: SealedBook, position: int) -> None:
    await book.change(
        f"""INSERT INTO facts SELECT {position}, id, 'claim-new', 1, type, 1, body, metadata, now(), now()
              FROM facts WHERE position = 1""",
        "INSERT INTO streams VALUES ('claim-new', 1)",
    )
    expected = ("fact_inserted",) if position < 1 else ("fact_inserted", FACTS + 1, position)
    assert expected in await book.found()


@pytest.mark.parametrize(("one", "other"), [(36, 37), (3, 77)])
async def test_facts_that_have_changed_places_are_named(book: SealedBook, one: int, other: int) -> None:
    await book.change(swapped("facts", "position", one, other))
    found = await book.found()
    assert ("fact_moved", one, one) in found
    assert ("fact_moved", other, other) in found
    assert not [each for each in found if each[0] in ("fact_changed", "fact_missing", "fact_inserted")]


async def test_facts_of_one_stream_that_have_changed_places_are_found_without_a_seal(book: SealedBook) -> None:
    await book.append(20)
    await book.change(swapped("facts", "position", 103, 113))
    assert ("stream_broken", 103, 103, "claim-n2") in await book.found()


async def test_a_truncated_tail_is_named(book: SealedBook) -> None:
    await book.change("DELETE FROM facts WHERE position > 90")
    found = await book.found()
    assert ("fact_missing", 91, 96) in found  # these were sealed
    assert ("fact_missing", 97, 100) in found  # and these the head knows of


async def test_a_truncated_tail_is_named_though_head_and_streams_agree(book: SealedBook) -> None:
    await book.change(
        "DELETE FROM facts WHERE position > 90",
        "UPDATE head SET position = 90",
        "UPDATE streams SET version = 9",
    )
    assert await book.found() == [("head_differs",), ("checkpoint_ahead", 91, 96), ("fact_missing", 91, 96)]


async def test_a_tail_truncated_with_its_seals_is_named_by_the_checkpoint(book: SealedBook) -> None:
    await book.change(
        "DELETE FROM facts WHERE position > 90",
        "DELETE FROM seals WHERE number = 6",
        "UPDATE head SET position = 90",
        "UPDATE streams SET version = 9",
    )
    assert await book.found() == [("seal_removed", 81, 96), ("checkpoint_ahead", 91, 96)]


async def test_a_book_that_was_replaced_as_a_whole_is_not_the_one_that_was_kept(book: SealedBook) -> None:
    kept = (await book.report()).newest_seal
    assert kept is not None
    assert await book.found(kept=kept) == []
    async with open_book(book.url) as other:
        assert await other.found() == []
        assert await other.found(kept=kept) == [("kept_seal_gone", kept.number)]
        assert await other.found(kept=KeptSeal(7, kept.hash)) == [("kept_seal_gone", 7)]


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


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("UPDATE streams SET version = 12 WHERE stream = 'claim-n3'", ("stream_differs", "claim-n3")),
        ("UPDATE streams SET version = 3 WHERE stream = 'claim-n3'", ("stream_differs", "claim-n3")),
        ("DELETE FROM streams WHERE stream = 'claim-n3'", ("stream_differs", "claim-n3")),
        ("INSERT INTO streams VALUES ('claim-x', 1)", ("stream_differs", "claim-x")),
        ("UPDATE head SET position = 99", ("fact_inserted", 100, 100)),
        ("UPDATE head SET position = 50", ("head_differs",)),
        ("UPDATE head SET position = 101", ("fact_missing", 101, 101)),
        ("UPDATE head SET position = 1000000000000", ("fact_missing", 101, 1_000_000_000_000)),
        ("DELETE FROM head", ("head_differs",)),
        ("UPDATE projections SET position = 200", ("checkpoint_ahead", 101, 200)),
    ],
)
async def test_whoever_keeps_account_of_the_book_must_agree_with_it(
    book: SealedBook, change: str, expected: tuple[object, ...]
) -> None:
    await book.change(change)
    try:
        assert expected in await book.found()
    finally:
        await book.change("INSERT INTO head VALUES (true, 0, now(), 10000000) ON CONFLICT DO NOTHING")


async def test_a_part_of_the_book_is_judged_in_whole_seals(book: SealedBook) -> None:
    await book.change("UPDATE facts SET body = '{}' WHERE position IN (20, 70)")
    part = await book.report(first=40, last=50)
    assert (part.first, part.last, part.facts, part.seals, part.unsealed) == (33, 64, 32, 2, 0)
    assert part.sound
    assert await book.found(first=30, last=33) == [("fact_changed", 20, 20)]
    assert await book.found(first=65) == [("fact_changed", 70, 70)]
    tail = await book.report(first=98)
    assert (tail.first, tail.last, tail.seals, tail.unsealed, tail.sound) == (98, 100, 0, 3, True)


async def test_parts_that_follow_on_each_other_find_what_the_whole_finds(book: SealedBook) -> None:
    await book.change(
        "UPDATE facts SET body = '{}' WHERE position = 20", "DELETE FROM seals WHERE number = 4", "DELETE FROM streams"
    )
    whole, parts, position = set(await book.found()), set(), 1
    while position <= FACTS:
        parts |= set(await book.found(first=position, max_facts=10))
        position = (await book.report(first=position, max_facts=10)).last + 1
    assert whole <= parts


@pytest.mark.parametrize(
    "change", ["SELECT 1", "DELETE FROM facts WHERE position = 37", swapped("facts", "position", 41, 51)]
)
async def test_what_is_found_does_not_hang_on_how_much_fits_into_a_page(
    book: SealedBook, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    await book.change(change)
    found = await book.found()
    monkeypatch.setattr(reading, "PAGE_FACTS", 7)
    monkeypatch.setattr(reading, "PAGE_SEALS", 2)
    monkeypatch.setattr(streams, "MAX_KNOWN_STREAMS", 3)
    monkeypatch.setattr(streams, "PAGE_STREAMS", 4)
    assert await book.found() == found


async def test_parts_outside_the_book_hold_nothing(book: SealedBook) -> None:
    report = await book.report(first=5_000)
    assert (report.facts, report.unsealed, report.sound) == (0, 0, True)
    async with open_book(book.url, facts=0, sealed=0) as empty:
        report = await empty.report()
        assert (report.first, report.last, report.facts, report.newest_seal, report.sound) == (1, 0, 0, None, True)


async def test_a_book_is_judged_while_it_grows(book: SealedBook) -> None:
    seen: list[tuple[int, int]] = []
    report = await book.report(on_progress=lambda done, there: seen.append((done, there)))
    await book.append(30)
    await book.sealer().catch_up()
    assert (report.last, seen[-1]) == (100, (100, 100))
    assert (await book.report()).sound


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
