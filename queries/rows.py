"""What every query stands on: a way to fetch rows, money as it is answered, and lists read page by page."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations, count
from typing import Any, Protocol


class Rows(Protocol):
    """The part of a connection or a pool that queries need. Parameters are `$1`, `$2`..., values always bound."""

    async def fetch(self, query: str, *args: Any) -> list[Any]: ...

    async def fetchrow(self, query: str, *args: Any) -> Any: ...

    async def fetchval(self, query: str, *args: Any) -> Any: ...


class Group(Protocol):
    """Reads together what is asked for at the same time."""

    async def rows(self, streams: Collection[str]) -> Sequence[Any]: ...


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in integer minor units (cents) of an ISO 4217 currency."""

    amount: int
    currency: str


Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list: up to `limit` rows after the row with this key, or before it; without a key the first."""

    limit: int
    key: Key | None = None
    backwards: bool = False


class Ends(Protocol):
    """The keys to go on from in both directions, where a list goes on."""

    @property
    def previous(self) -> Key | None: ...

    @property
    def next(self) -> Key | None: ...


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a list in its order, and the keys to go on from in both directions, where there is more."""

    rows: Sequence[Any]
    previous: Key | None
    next: Key | None


@dataclass(frozen=True)
class Listing:
    """A list that is read by key, so that rows which come and go between two pages neither repeat nor hide others.

    `source` is a table, or a query with the parameters `$1` to `$<fixed>`. `filters` are conditions by name, each with
    `{}` for its parameter. `key` names columns among `columns` that tell rows apart, with their types: the order.
    """

    columns: str
    source: str
    key: Mapping[str, str]
    descending: bool = False
    filters: Mapping[str, str] = field(default_factory=dict)
    fixed: int = 0

    async def part(self, rows: Rows, window: Window, filters: Mapping[str, Any], *fixed: Any) -> Part:
        sql = self.sql(filters, bounded=window.key is not None, backwards=window.backwards)
        found = await rows.fetch(sql, *fixed, *filters.values(), *(window.key or ()), window.limit + 1)
        found, more = found[: window.limit], len(found) > window.limit
        if window.backwards:
            if not found:  # what was there has gone: the list begins here
                return await self.part(rows, Window(window.limit), filters, *fixed)
            found.reverse()
        if not found:
            return Part((), None, None)
        first, last = (tuple(row[column] for column in self.key) for row in (found[0], found[-1]))
        if window.backwards:
            return Part(found, first if more else None, last)
        return Part(found, first if window.key is not None else None, last if more else None)

    async def total(self, rows: Rows, filters: Mapping[str, Any], *fixed: Any) -> int:
        total: int = await rows.fetchval(self.count_sql(filters), *fixed, *filters.values())
        return total

    def sql(self, filters: Collection[str], *, bounded: bool, backwards: bool) -> str:
        numbers = count(self.fixed + 1)
        conditions = [self.filters[name].format(f"${next(numbers)}") for name in filters]
        falling = self.descending != backwards
        if bounded:
            bounds = ", ".join(f"${next(numbers)}::{type_name}" for type_name in self.key.values())
            conditions.append(f"({', '.join(self.key)}) {'<' if falling else '>'} ({bounds})")
        order = ", ".join(f"{column} DESC" if falling else column for column in self.key)
        return (
            f"SELECT {self.columns} FROM {self.source}{_where(conditions)} ORDER BY {order} LIMIT ${next(numbers)}::int"
        )

    def count_sql(self, filters: Collection[str]) -> str:
        numbers = count(self.fixed + 1)
        conditions = [self.filters[name].format(f"${next(numbers)}") for name in filters]
        return f"SELECT count(*) FROM {self.source}{_where(conditions)}"

    def statements(self) -> Iterator[str]:
        """Every statement that can come of this, for the test that prepares them all."""
        names = list(self.filters)
        for chosen in chain.from_iterable(combinations(names, size) for size in range(len(names) + 1)):
            yield self.count_sql(chosen)
            for bounded in (False, True):
                yield self.sql(chosen, bounded=bounded, backwards=False)
            yield self.sql(chosen, bounded=True, backwards=True)


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""
