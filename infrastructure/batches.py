"""What waits to be stored, how much of it travels together, and how each append of a batch is answered."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import structlog

from events.store import NONE_PASSED, Appended, Conflict, IdempotencyKey, Outcome
from infrastructure.append_call import conditions
from infrastructure.raw_append import RawAppend

log = structlog.get_logger(__name__)

MAX_BATCH_APPENDS = 512
WHOLE_QUEUE_APPENDS = 128
"""So many at most are always taken together: of smaller batches the commit itself would be the greater part."""
MAX_BATCH_FACTS = 4_000


@dataclass(slots=True, eq=False)
class Waiting:
    append: RawAppend
    tell: Callable[[Outcome], None]
    outcome: Outcome | None = None

    def answer(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.tell(outcome)


def next_batch(queue: deque[Waiting]) -> list[Waiting]:
    """Of many, half: while the database works on it, the callers of the last one go on, and neither side waits.

    One key at most once: the second one must find what the first has stored."""
    batch: list[Waiting] = []
    keys: set[str] = set()
    facts = 0
    most = min(MAX_BATCH_APPENDS, max(WHOLE_QUEUE_APPENDS, len(queue) // 2))
    while queue and len(batch) < most and facts < MAX_BATCH_FACTS:
        append = queue[0].append
        if append.key is not None:
            if append.key.key in keys:
                break
            keys.add(append.key.key)
        batch.append(queue.popleft())
        facts += len(append.facts)
    return batch


def fail(batch: Sequence[Waiting], error: Exception) -> None:
    for waiting in batch:
        if waiting.outcome is None:
            try:
                waiting.answer(error)
            except Exception:  # a bug in whoever is told must not keep the others waiting
                log.exception("not_told")


def answered(batch: Sequence[Waiting]) -> list[tuple[Outcome, int]]:
    """What became of those that have an answer by now, and how many facts each has."""
    return [(each.outcome, len(each.append.facts)) for each in batch if each.outcome is not None]


def answer_stored(batch: Sequence[Waiting], positions: Mapping[str, int], at: datetime) -> list[Waiting]:
    """Answer those whose facts an earlier attempt has stored, `positions` by id, and give back the others."""
    others = []
    for waiting in batch:
        append = waiting.append
        if append.facts and append.facts[0].id in positions:
            append.ticket.stored = True
            passed = {stream: append.expected[stream] for stream in append.escrows}  # for all that is known by now
            waiting.answer(Appended(positions[append.facts[-1].id], at, passed=passed))
        else:
            others.append(waiting)
    return others


def answer_judged(batch: Sequence[Waiting], row: asyncpg.Record) -> None:
    replayed = {request: place for place, request in enumerate(row["replayed_request"])}
    passed = frozenset(row["passed_request"])
    at = row["at"]
    streams_of_conditions: list[tuple[str, int]] | None = None
    for request, (waiting, position, failed) in enumerate(
        zip(batch, row["r_position"], row["r_failed_condition"], strict=True), 1
    ):
        append = waiting.append
        if position >= 0:
            append.ticket.stored = True
        if request in replayed:
            place = replayed[request]
            assert append.key is not None
            known = IdempotencyKey(append.key.key, row["replayed_hash"][place], row["replayed_answer"][place])
            waiting.answer(Appended(row["replayed_position"][place], row["replayed_at"][place], replayed=known))
        elif failed:
            if streams_of_conditions is None:
                streams_of_conditions = conditions(each.append for each in batch)
            stream, expected = streams_of_conditions[failed - 1]
            waiting.answer(Conflict(stream, expected, row["c_version"][failed - 1]))
        else:
            by = _versions(append, row["c_version"]) if request in passed else NONE_PASSED
            waiting.answer(Appended(position + len(append.facts), at, passed=by))


def _versions(append: RawAppend, c_version: Sequence[int]) -> dict[str, int]:
    """What the streams with a balance were at, by the versions of all conditions of the batch."""
    conditions = enumerate(append.expected, append.first_condition - 1)
    return {stream: c_version[condition] for condition, stream in conditions if stream in append.escrows}
