"""Someone with all rights over the database changes the past: whatever it is, it is found and named."""

from collections.abc import AsyncIterator

import pytest

from infrastructure.verification import KeptSeal
from tests.integration.sealed_book import FACTS, SEALED, SealedBook, open_book, swapped
from tests.kinds import EMBEDDED_ALONE

pytestmark = EMBEDDED_ALONE


@pytest.fixture
async def book(database_url: str) -> AsyncIterator[SealedBook]:
    async with open_book(database_url) as book:
        yield book


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
