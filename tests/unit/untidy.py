"""A till as untidy as the real one, in a dozen rows."""

from datetime import UTC, datetime

from infrastructure.complete_journey.history import History, RawLine
from infrastructure.complete_journey.survey import RawArticle, surveyed

ROLLS, MILK, CHEESE, GAS, SOCKS, UNLISTED = 1, 2, 3, 4, 5, 99

CATALOG = (
    RawArticle(ROLLS, "PASTRY", "ROLLS", "ROLLS: DINNER", "Private", "12 CT"),
    RawArticle(MILK, "GROCERY", "MILK", "FLUID MILK", "National", "1 GA"),
    RawArticle(CHEESE, "GROCERY", "CHEESE", "SHREDDED CHEESE", "National"),
    RawArticle(GAS, "FUEL", "FUEL", "GASOLINE-REG UNLEADED"),
    RawArticle(SOCKS, "DRUG GM"),
)


def at_minute(minute: int) -> int:
    return int(datetime(2017, 3, 6, 8, minute, tzinfo=UTC).timestamp()) * 1_000_000


ROWS = (
    RawLine(at_minute(0), 100, 7, ROLLS, 2, 3.0),
    RawLine(at_minute(0), 100, 7, MILK, 0, 2.49),
    RawLine(at_minute(0), 100, 7, CHEESE, 1, 0.0),
    RawLine(at_minute(1), 101, 8, GAS, 89_638, 250.0),
    RawLine(at_minute(2), 102, 7, MILK, 0, 0.0),
    RawLine(at_minute(2), 102, 7, ROLLS, -1, -1.5),
    RawLine(at_minute(3), 103, 9, UNLISTED, 3, 1.0),
    RawLine(at_minute(3), 103, 9, ROLLS, 3, 5.0),
)


def untidy_history() -> History:
    return surveyed(CATALOG, lambda: ROWS)
