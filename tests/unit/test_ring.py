"""The ring of the newest facts gives everyone what they ask for, in order, and never more than it may hold."""

from hypothesis import given
from hypothesis import strategies as st

from events.store import Metadata
from infrastructure.codec import encode_metadata
from infrastructure.ring import CHUNK_BYTES, Line, Page, Ring, Wanted

EVERYTHING = Wanted()


def lines(first: int, number: int, size: int = 1) -> list[Line]:
    """Their texts are their positions; every third is by Ann."""
    return [
        Line(at, "Noted", f"note-{at % 5}", metadata(at), b"%d " % at + b" " * size)
        for at in range(first, first + number)
    ]


def metadata(at: int) -> bytes:
    return encode_metadata(Metadata("ann" if at % 3 == 0 else "ben", correlation_id=f"c{at}")).encode()


def test_it_begins_where_the_book_ends() -> None:
    ring = Ring(41)
    assert (ring.begin, ring.end, ring.after(41, EVERYTHING)) == (41, 41, Page([], 41))
    ring.extend([])
    ring.extend(lines(42, 2))
    assert (ring.begin, ring.end) == (41, 43)
    assert ring.after(41, EVERYTHING) == Page([b"42  43  "], 43)
    assert ring.after(42, EVERYTHING) == Page([b"43  "], 43)
    assert ring.after(43, EVERYTHING) == Page([], 43)


def test_a_reader_ahead_of_it_stays_where_it_is() -> None:
    ring = Ring(0)
    ring.extend(lines(1, 3))
    assert ring.after(9, EVERYTHING) == Page([], 9)


def test_a_filter_moves_on_over_what_it_does_not_want() -> None:
    ring = Ring(0)
    ring.extend(lines(1, 8))
    assert ring.after(0, Wanted(actor="ann")) == Page([b"3  6  "], 8)
    assert ring.after(0, Wanted(actor="ann", correlation="c6")) == Page([b"6  "], 8)
    assert ring.after(0, Wanted(stream="note-2", type="Noted")) == Page([b"2  7  "], 8)
    assert ring.after(3, Wanted(type="Counted")) == Page([], 8)


def test_whoever_asks_the_same_is_given_the_same_until_something_new_comes() -> None:
    ring = Ring(0)
    ring.extend(lines(1, 3))
    first = ring.after(1, EVERYTHING)
    assert ring.after(1, EVERYTHING) is first
    assert ring.after(1, Wanted(actor="ann")) == Page([b"3  "], 3)
    assert ring.after(1, EVERYTHING) == first
    ring.extend(lines(4, 1))
    assert ring.after(1, EVERYTHING) == Page([b"2  3  4  "], 4)


def test_a_chunk_ends_with_the_fact_that_fills_it() -> None:
    ring = Ring(0, chunk_bytes=25)
    ring.extend(lines(1, 9, size=10))
    page = ring.after(0, EVERYTHING)
    assert (page.facts[0].split(), page.position) == ([b"1", b"2", b"3"], 3)


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 40)), max_size=40), st.integers(1, 50), st.integers(1, 500)
)
def test_it_holds_the_newest_without_a_gap_and_within_its_bounds(
    pages: list[tuple[int, int]], facts_max: int, bytes_max: int
) -> None:
    ring = Ring(7, facts_max=facts_max, bytes_max=bytes_max, chunk_bytes=10**9)
    for number, size in pages:
        ring.extend(lines(ring.end + 1, number, size))
        page = ring.after(ring.begin, EVERYTHING)
        [joined] = page.facts or [b""]
        found = [int(text) for text in joined.split()]
        assert found == list(range(ring.begin + 1, ring.end + 1))
        assert page.position == ring.end
        assert len(found) <= facts_max
        assert len(joined) <= bytes_max
        assert ring.after(ring.begin, EVERYTHING) is page


def test_filters_are_those_of_the_table() -> None:
    assert Wanted().filters() == {}
    assert Wanted(type="Noted", actor="ann").filters() == {"type": "Noted", "actor": "ann"}


@given(st.lists(st.integers(1, CHUNK_BYTES), max_size=30))
def test_a_page_goes_out_in_pieces_of_about_the_same_size(sizes: list[int]) -> None:
    facts = [b"x" * size for size in sizes]
    chunks = list(Page(facts, 0).chunks())
    assert b"".join(chunks) == b"".join(facts)
    assert all(len(chunk) < 2 * CHUNK_BYTES for chunk in chunks)
    assert all(len(chunk) >= CHUNK_BYTES for chunk in chunks[:-1])
