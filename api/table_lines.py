"""Bytes as they come, cut into the lines of a table, with their numbers; and what is said of lines that are no good."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import NamedTuple

ROWS_AT_ONCE = 512
MAX_LINE_BYTES = 1_000_000
MAX_RECORDS_BYTES = 8_000_000
_BOM = b"\xef\xbb\xbf"


class RowError(NamedTuple):
    """What is wrong with one row, at which line of the table."""

    line: int
    field: str
    code: str
    message: str


class Unreadable(Exception):
    """Nothing beyond this line can be understood."""

    def __init__(self, line: int, code: str, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.error = RowError(line, "", code, message)


async def whole_records(chunks: AsyncIterable[bytes]) -> AsyncIterator[tuple[int, list[bytes]]]:
    """First the lines of the header, then those of some hundred records at a time: a line may end inside a cell.

    Raises Unreadable, once all that came before has been told."""
    kept: list[bytes] = []
    first, quotes, size, wanted = 1, 0, 0, 1
    end: Unreadable | None = None
    try:
        async for number, lines in lines_of(chunks):
            for offset, line in enumerate(lines):
                kept.append(line)
                quotes, size = quotes + line.count(b'"'), size + len(line)
                if quotes % 2 and size > MAX_RECORDS_BYTES:
                    raise Unreadable(first, "quote_not_closed", "a quote is opened here or below and never closed")
                if quotes % 2 == 0 and len(kept) >= wanted:
                    yield first, kept
                    kept, first, quotes, size, wanted = [], number + offset + 1, 0, 0, ROWS_AT_ONCE
    except Unreadable as unreadable:
        end = unreadable
    if kept and (end is None or quotes % 2 == 0):
        yield first, kept
    if end is not None:
        raise end


async def lines_of(chunks: AsyncIterable[bytes]) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Whole lines as they come, with the number of the first. Raises Unreadable for a line without end."""
    rest, number = b"", 1
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            if number == 1:
                lines[0] = lines[0].removeprefix(_BOM)
            yield number, [line + b"\n" for line in lines]
            number += len(lines)
        if len(rest) > MAX_LINE_BYTES:
            raise Unreadable(number, "line_too_long", f"has more than {MAX_LINE_BYTES:,} bytes")
    if rest:
        yield number, [rest]
