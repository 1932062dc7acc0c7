"""A batch of appends as one call of the SQL function `append_facts`: see there for what each argument means.

Numbers and texts travel as one text for each argument. The driver inspects every element of a list, which for a batch
of a few hundred appends takes as long as storing it does.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from events.store import Escrow, IdempotencyKey, Ticket
from infrastructure.raw_append import RawAppend, RawFact

SEPARATOR = "\x1e"
"""Between texts: no JSON text holds this character (RFC 7464 uses it so), and no name may."""

NO_BALANCE = -1
_TEXTS, _INTEGERS = f"string_to_array(${{}}::text, chr({ord(SEPARATOR)}))", "${}::text::integer[]"
_CONVERTED = {
    **dict.fromkeys((3, 15, 22, 26, 28), _TEXTS),
    **dict.fromkeys((4, 5, 6, 7, 12, 13, 14, 20, 21, 23, 24), _INTEGERS),
    **dict.fromkeys((8, 9, 10, 11), "${}::text::bigint[]"),
    25: "${}::text::uuid[]",
    27: "${}::text::smallint[]",
}
APPEND = f"SELECT * FROM append_facts({', '.join(_CONVERTED.get(n, '${}').format(n) for n in range(1, 30))})"


def arguments(batch: Sequence[RawAppend]) -> tuple[Any, ...]:
    """All arguments after the first two, which say who appends and the number of the batch.

    Raises ValueError for a name that holds the separator."""
    streams: dict[str, int] = {}
    c_stream: list[int] = []
    c_expected: list[int] = []
    c_facts: list[int] = []
    c_after: list[int] = []
    r_first: list[int] = []
    r_last: list[int] = []
    keys: list[tuple[int, IdempotencyKey]] = []
    f_request: list[int] = []
    f_condition: list[int] = []
    f_place: list[int] = []
    f_step: list[int] = []
    facts: list[RawFact] = []
    tickets: dict[Ticket, int] = {}
    escrows: dict[int, Escrow] = {}
    for request, append in enumerate(batch, 1):
        append.first_condition = len(c_stream) + 1
        r_first.append(append.first_condition)
        conditions: dict[str, int] = {}
        for stream, expected in append.expected.items():
            c_stream.append(streams.setdefault(stream, len(streams) + 1))
            c_expected.append(expected)
            c_facts.append(0)
            ticket = append.after.get(stream)
            c_after.append(0 if ticket is None or ticket.stored else tickets.get(ticket, -1))
            conditions[stream] = len(c_stream)
            if stream in append.escrows:
                escrows[len(c_stream)] = append.escrows[stream]
        for place, fact in enumerate(append.facts, 1):
            condition = conditions.get(fact.stream)
            if condition is None:
                c_stream.append(streams.setdefault(fact.stream, len(streams) + 1))
                c_expected.append(-1)
                c_facts.append(0)
                c_after.append(0)
                condition = conditions[fact.stream] = len(c_stream)
            c_facts[condition - 1] += 1
            f_request.append(request)
            f_condition.append(condition)
            f_place.append(place)
            f_step.append(c_facts[condition - 1])
            facts.append(fact)
        r_last.append(len(c_stream))
        tickets[append.ticket] = request
        if append.key is not None:
            keys.append((request, append.key))
    columns = zip(*facts, strict=True) if facts else ((),) * 7
    f_stream, f_id, f_type, f_schema_version, f_body, f_occurred_at, _ = columns
    return (
        _texts(streams),
        _numbers(c_stream),
        _numbers(c_expected),
        _numbers(c_facts),
        _numbers(c_after if any(c_after) else []),
        *map(_numbers, _balances(escrows, len(c_stream))),
        _numbers(r_first),
        _numbers(r_last),
        _numbers([len(append.facts) for append in batch]),
        _texts([append.metadata for append in batch]),
        [request for request, _ in keys],
        [key.key for _, key in keys],
        [key.request_hash for _, key in keys],
        [key.answer for _, key in keys],
        _numbers(f_request),
        _numbers(f_condition),
        _texts(f_stream),
        _numbers(f_place),
        _numbers(f_step),
        f"{{{','.join(f_id)}}}",
        _texts(f_type),
        _numbers(f_schema_version),
        _texts(f_body),
        f_occurred_at if any(f_occurred_at) else [],  # a list that ends early goes on with nulls
    )


def conditions(batch: Iterable[RawAppend]) -> list[tuple[str, int]]:
    """Each condition's stream and expected version, in the order of `arguments`."""
    found: list[tuple[str, int]] = []
    for append in batch:
        found += append.expected.items()
        unnamed = dict.fromkeys(fact.stream for fact in append.facts)
        found += [(stream, -1) for stream in unnamed if stream not in append.expected]
    return found


def _balances(escrows: Mapping[int, Escrow], conditions: int) -> tuple[Sequence[int], ...]:
    """For each condition what is known of the balance, by how much it moves, and between what it may be then."""
    if not escrows:
        return (), (), (), ()
    before, high = [NO_BALANCE] * conditions, [NO_BALANCE] * conditions
    delta, low = [0] * conditions, [0] * conditions
    for condition, escrow in escrows.items():
        before[condition - 1], delta[condition - 1] = max(escrow.before, NO_BALANCE), escrow.delta
        if escrow.bounds is not None:
            low[condition - 1], high[condition - 1] = escrow.bounds
    return before, delta, low, high


def _numbers(values: Sequence[int]) -> str:
    """As an array is written in SQL."""
    return f"{{{msgspec.json.encode(values).decode()[1:-1]}}}"


def _texts(values: Collection[str]) -> str:
    joined = SEPARATOR.join(values)
    if values and joined.count(SEPARATOR) != len(values) - 1:
        raise ValueError("names cannot hold the character U+001E")
    return joined
