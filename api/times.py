"""Times as parameters: RFC 3339, UTC unless they say otherwise, and dates where a whole day is meant."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Query
from pydantic import BeforeValidator

from api.reading import MAX_POSITION

EARLIEST, LATEST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
_FORM = re.compile(r"\d{4}-\d\d-\d\d([Tt][0-9:.]+([Zz]|[+ -]\d\d:\d\d)?)?", re.ASCII)
_DATE_CHARACTERS = 10


def _moment(text: str) -> datetime:
    try:
        if not _FORM.fullmatch(text):
            raise ValueError
        # An unescaped + of an offset arrives as a space.
        moment = datetime.fromisoformat(text.upper().replace(" ", "+"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("not a time such as 2017-05-01T12:00:00Z") from None


def _since(text: Any) -> datetime:
    return _moment(str(text))


def _until(text: Any) -> datetime:
    moment = _moment(str(text))
    whole_day = len(str(text)) == _DATE_CHARACTERS
    return min(moment + timedelta(days=1), LATEST) if whole_day and moment < LATEST else moment


def _as_of(text: Any) -> int | datetime:
    if str(text).isascii() and str(text).isdigit():
        position = int(text) if len(text) < 20 else MAX_POSITION + 1
        if position > MAX_POSITION:
            raise ValueError("no book has that many facts")
        return position
    if len(str(text)) == _DATE_CHARACTERS:
        raise ValueError("a day is not a moment: give a time such as 2017-05-01T12:00:00Z, or a position")
    return _moment(str(text))


From = Annotated[
    datetime | None,
    BeforeValidator(_since),
    Query(alias="from", description="A time, or the day that begins then, in UTC.", examples=["2017-01-01"]),
]
To = Annotated[
    datetime | None,
    BeforeValidator(_until),
    Query(alias="to", description="Up to this time, or to the end of this day, in UTC.", examples=["2017-12-31"]),
]
AsOf = Annotated[int | datetime | None, BeforeValidator(_as_of)]
