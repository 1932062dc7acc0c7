"""Brings history into the shop through its commands, at its own times: what is there already is passed over."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, TypeVar

from api.import_units import (
    SOURCE,
    Sales,
    Unit,
    category_ref,
    category_unit,
    customer_ref,
    customer_unit,
    order_ref,
    product_ref,
    product_unit,
    tree,
)
from commands.decider import Ref
from commands.handler import Done, Handler
from commands.rejections import Rejected
from events.store import Metadata, StoreBusy, Unacknowledged
from infrastructure.complete_journey.history import Article, Cause, History, PricedBy
from infrastructure.complete_journey.sample import demo_history
from infrastructure.garbage import rarely_collected

T = TypeVar("T")

ACTOR = f"import:{SOURCE}"
CACHED_STREAMS = 200_000
"""What the handler should keep: the stock of every article that is sold, so that no stream is read twice."""
UNITS_AT_ONCE = 512
"""Looked up in one round trip, and at most that many on their way to the disk."""
PAUSES_S = (0.1, 0.5, 2.0, 5.0, 10.0)

Progress = Callable[[str, int, int], None]
"""Told the stage, how many of its things are done, and how many there are."""


@dataclass(slots=True)
class Tally:
    """Of one kind of thing: how many there are in the data, and how many of them were new to the shop."""

    there: int
    added: int = 0


@dataclass(slots=True)
class Content:
    """What the chosen part of the data says, in counts and cents."""

    articles: dict[int, Article]
    households: dict[int, None] = field(default_factory=dict)
    baskets: int = 0
    empty_baskets: int = 0
    lines: int = 0
    units: int = 0
    total_minor: int = 0
    left_out: Counter[Cause] = field(default_factory=Counter)
    left_out_minor: Counter[Cause] = field(default_factory=Counter)


@dataclass(slots=True)
class Report:
    """What came in, and what did not and why. `refused` counts baskets by the code of the shop's refusal."""

    content: Content
    prices: Counter[PricedBy]
    stages: dict[str, Tally] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    facts: int = 0
    seconds: float = 0.0

    @property
    def facts_per_s(self) -> float:
        return self.facts / self.seconds

    @property
    def baskets_per_s(self) -> float:
        return self.stages["baskets"].added / self.seconds


@dataclass(frozen=True, slots=True)
class _Stage(Generic[T]):
    name: str
    things: Iterable[T]
    there: int
    ref: Callable[[T], Ref[Any]]
    unit: Callable[[T], Unit]


async def import_complete_journey(
    handler: Handler, history: History, *, baskets: int | None = None, on_progress: Progress = lambda *_: None
) -> Report:
    """Bring in the first so many baskets and all that they need; without a number, everything.

    Asking again adds nothing, and after a crash goes on where it stopped. Raises StoreBusy or Unacknowledged when the
    store stays away for longer than a few seconds."""
    started = time.monotonic()
    content = surveyed_content(history, baskets)
    articles = list(content.articles.values())
    report = Report(content, Counter(article.priced_by for article in articles))
    places = tree(articles)
    sold = (basket for basket in islice(history.baskets(), baskets) if basket.lines)
    for stage in (
        _Stage("categories", places, len(places), category_ref, category_unit),
        _Stage("products", articles, len(articles), product_ref, product_unit),
        _Stage("customers", content.households, len(content.households), customer_ref, customer_unit),
        _Stage("baskets", sold, content.baskets - content.empty_baskets, order_ref, Sales(articles)),
    ):
        with rarely_collected():
            await _bring_in(stage, handler, report, on_progress)
    report.seconds = time.monotonic() - started
    return report


async def fill_demo_shop(handler: Handler) -> Report:
    """A few weeks of the same shop, small enough to travel with the code."""
    return await import_complete_journey(handler, demo_history())


def surveyed_content(history: History, baskets: int | None) -> Content:
    content = Content(dict(history.articles) if baskets is None else {})
    for basket in islice(history.baskets(), baskets):
        content.baskets += 1
        content.empty_baskets += not basket.lines
        content.households[basket.household] = None
        for line in basket.lines:
            content.articles[line.article] = history.articles[line.article]
            content.units += line.quantity
            content.total_minor += line.total_minor
        content.lines += len(basket.lines)
        for row in basket.left_out:
            content.left_out[row.cause] += 1
            content.left_out_minor[row.cause] += row.amount_minor
    return content


async def _bring_in(stage: _Stage[Any], handler: Handler, report: Report, on_progress: Progress) -> None:
    """Decisions begin in the order of the things; hundreds of them are on their way at a time."""
    tally = report.stages[stage.name] = Tally(stage.there)
    free = asyncio.Semaphore(UNITS_AT_ONCE)
    passed = 0

    async def take(unit: Unit) -> None:
        nonlocal passed
        try:
            done = await _taken(unit, handler)
            tally.added += done.replayed is None
            report.facts += len(done.events)
        except Rejected as refusal:
            report.refused[refusal.code] += 1
        finally:
            free.release()
        passed += 1
        handler.forget(unit.done_with)

    try:
        async with asyncio.TaskGroup() as group:
            for things in _chunks(stage.things):
                known = await handler.versions([stage.ref(thing) for thing in things])
                units = [stage.unit(thing) for thing in things if not known[stage.ref(thing).stream]]
                passed += len(things) - len(units)
                await handler.warm([ref for unit in units for ref in unit.reads])
                for unit in units:
                    await free.acquire()
                    group.create_task(take(unit))
                on_progress(stage.name, passed, stage.there)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    on_progress(stage.name, passed, stage.there)


async def _taken(unit: Unit, handler: Handler) -> Done:
    """Asked again, with the same key, while the store is away for a moment."""
    metadata = Metadata(actor=ACTOR, command=type(unit.commands[0]).__name__)
    for pause_s in PAUSES_S:
        try:
            return await handler(*unit.commands, metadata=metadata, occurred_at=unit.at, once=unit.once)
        except (StoreBusy, Unacknowledged):
            await asyncio.sleep(pause_s)
    return await handler(*unit.commands, metadata=metadata, occurred_at=unit.at, once=unit.once)


def _chunks(things: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(things)
    while chunk := list(islice(rest, UNITS_AT_ONCE)):
        yield chunk
