"""Brings a table of products into the catalog, row by row: what is true already is passed over, what is refused is
told, and the rest goes on.

Every row is a transaction of its own that can be repeated, so an import that was cut short is simply run again. A dry
run is the same import by a handler whose book keeps nothing.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.catalog_table import Row, rows_of
from api.table_lines import RowError
from commands.catalog_row import FieldRequired, PutCatalogRow, reads_ahead
from commands.claim import claims
from commands.decider import Ref
from commands.handler import Done, Handler
from commands.product import products
from commands.rejections import AttributesRefused, InvalidTransition, NameTaken, NotFound, Rejected
from events.product import ProductCreated
from events.store import AppendRefused, EventStore, Metadata, StoreBusy, Unacknowledged
from events.values import Sku
from infrastructure.rehearsal import STREAMS_KEPT, Rehearsal

PAUSES_S = (0.1, 0.5, 2.0, 5.0)
GROUPS_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows have been read, and what became of them."""

    rows: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    failed: int = 0
    seconds: float = 0.0
    position: int = 0
    """Of the newest fact that the import led to."""


@dataclass(frozen=True, slots=True)
class Progress:
    """After some hundred rows more: what has become of all so far, and what was wrong with these."""

    tally: Tally
    errors: list[RowError]


def rehearsing(store: EventStore) -> Handler:
    """A handler for a dry run: it decides as the real one does, and nothing is stored."""
    return Handler(Rehearsal(store), cached_streams=2 * STREAMS_KEPT)


async def import_table(
    handler: Handler, chunks: AsyncIterable[bytes], media_type: str, metadata: Metadata, *, dry_run: bool = False
) -> AsyncIterator[Progress]:
    """A dry run needs a handler that is `rehearsing`; it alone remembers what rows have led to.

    Tells how far it is after every group of rows. Raises catalog_table.Unreadable, and StoreBusy or Unacknowledged
    when the store stays away; what was told until then is done."""
    started, tally = time.monotonic(), Tally()
    async for group, outcomes in _put_in_turn(handler, rows_of(chunks, media_type), metadata):
        if not dry_run:
            handler.forget([ref for each in outcomes if isinstance(each, Done) for ref in _done_with(each)])
        errors = [row for row in group if isinstance(row, RowError)]
        errors += [each for each in outcomes if isinstance(each, RowError)]
        done = [each for each in outcomes if isinstance(each, Done)]
        created = sum(any(isinstance(fact, ProductCreated) for fact in each.events) for each in done)
        changed = sum(bool(each.events) for each in done) - created
        tally = Tally(
            tally.rows + len(group),
            tally.created + created,
            tally.changed + changed,
            tally.unchanged + len(done) - created - changed,
            tally.failed + len(errors),
            round(time.monotonic() - started, 3),
            max([tally.position, *(each.position for each in done if each.events)]),
        )
        yield Progress(tally, sorted(errors))


_Group = list[Row | RowError]
_Outcomes = list[Done | RowError]


@dataclass(frozen=True, slots=True)
class _UnderWay:
    group: _Group
    names: frozenset[str]
    """Slugs and SKUs: what a row of the next group must not overtake."""
    task: asyncio.Task[_Outcomes]


async def _put_in_turn(
    handler: Handler, groups: AsyncIterator[_Group], metadata: Metadata
) -> AsyncIterator[tuple[_Group, _Outcomes]]:
    """Each group and what became of it. While one is on its way to the disk, the next one is read and decided upon.

    Raises what reading does, after all that was read before."""
    flying: deque[_UnderWay] = deque()
    reading = asyncio.ensure_future(anext(groups, None))
    try:
        while True:
            over = reading.done() and (reading.exception() is not None or reading.result() is None)
            if flying and (over or len(flying) == GROUPS_AT_ONCE or flying[0].task.done()):
                yield flying[0].group, await flying[0].task
                flying.popleft()
            elif not reading.done():
                first = [each.task for each in flying][:1]
                await asyncio.wait([reading, *first], return_when=asyncio.FIRST_COMPLETED)
            elif (group := reading.result()) is not None:
                rows = [row for row in group if isinstance(row, Row)]
                putting = asyncio.create_task(_put(handler, rows, metadata, flying[-1] if flying else None))
                flying.append(_UnderWay(group, _names(rows), putting))
                reading = asyncio.ensure_future(anext(groups, None))
            else:
                return
    finally:
        under_way = [reading, *(each.task for each in flying)]
        for each in under_way:
            each.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _put(handler: Handler, rows: list[Row], metadata: Metadata, before: _UnderWay | None) -> _Outcomes:
    """Rows of one product one after the other, products side by side."""
    by_product: dict[str, list[Row]] = defaultdict(list)
    slugs = {row.command.sku: row.command.slug for row in rows if row.command.slug and row.command.sku}
    for row in rows:
        sku = row.command.sku or Sku("")
        by_product[row.command.slug or slugs.get(sku, sku)].append(row)
    names: list[Ref[Any]] = [claims(name) for row in rows for name in reads_ahead(row.command)]
    await handler.warm(names)
    outcomes: _Outcomes = []

    async def one_after_the_other(of_product: Sequence[Row]) -> None:
        if before is not None and not before.names.isdisjoint(_names(of_product)):
            await asyncio.wait([before.task])
        for row in of_product:
            outcomes.append(await _outcome(handler, row, metadata))

    try:
        async with asyncio.TaskGroup() as group:
            for of_product in by_product.values():
                group.create_task(one_after_the_other(of_product))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return outcomes


def _names(rows: Iterable[Row]) -> frozenset[str]:
    return frozenset(name for row in rows for name in (row.command.slug, row.command.sku) if name is not None)


async def _outcome(handler: Handler, row: Row, metadata: Metadata) -> Done | RowError:
    for pause_s in PAUSES_S:
        try:
            return await handler(row.command, metadata=metadata)
        except Rejected as refusal:
            return RowError(row.line, _field(refusal, row.command), refusal.code, refusal.detail)
        except AppendRefused as refusal:
            return RowError(row.line, "", "unprocessable", str(refusal))
        except (StoreBusy, Unacknowledged):
            await asyncio.sleep(pause_s)
    return await handler(row.command, metadata=metadata)


def _done_with(done: Done) -> Iterator[Ref[Any]]:
    """Products and names are seldom asked for again, and there may be very many of them; categories stay."""
    for stream in done.versions:
        kind, _, identity = stream.partition("-")
        if kind == "product":
            yield products(identity)
        elif kind == "claim" and not identity.startswith("category-slug:"):
            yield claims(identity)


def _field(refusal: Rejected, row: PutCatalogRow) -> str:
    """Which field of the row a refusal is about."""
    details: Mapping[str, Any] = refusal.details
    match refusal:
        case FieldRequired():
            return str(details["field"])
        case NotFound():
            return "category" if details["kind"] == "category" else "sku"
        case NameTaken():
            return "sku" if details["kind"] == "sku" else "slug"
        case AttributesRefused():
            return str(details["errors"][0]["pointer"]).removeprefix("/").replace("/", ".")
        case InvalidTransition():
            return "status"
    return "sku" if row.sku is not None else "slug"
