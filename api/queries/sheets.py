"""Rows of reports as CSV (RFC 4180), for spreadsheets, and the columns that a dataclass of such rows has."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

from queries.rows import Money

Names = Mapping[str, str | None]
"""How some columns are called here; None leaves one out."""
NO_NAMES: Names = MappingProxyType({})


def columns(kind: type, names: Names = NO_NAMES) -> dict[str, str]:
    """The fields that are shown, and how they are called."""
    shown = {field.name: names.get(field.name, field.name) for field in fields(kind)}
    return {field: name for field, name in shown.items() if name is not None}


def sheet(kind: type, rows: Iterable[Any], currency: str, names: Names = NO_NAMES) -> bytes:
    """Money is in minor units, and its currency in a column of its own at the end. What is not known is empty."""
    shown = columns(kind, names)
    money = money_fields(kind) & shown.keys()
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow([f"{name}_minor" if field in money else name for field, name in shown.items()] + _currency(money))
    told = _currency(money, currency)
    table.writerows([_cell(getattr(row, field)) for field in shown] + told for row in rows)
    return written.getvalue().encode()


def named(group: str | None) -> Names:
    """How the columns of sales by such a group are called, if they are by group."""
    return {"group_id": f"{group}_id", "group": group} if group else {"group_id": None, "group": None}


def money_fields(kind: type) -> set[str]:
    hints = get_type_hints(kind)
    return {field.name for field in fields(kind) if Money in (hints[field.name], *get_args(hints[field.name]))}


def _currency(money: set[str], currency: str = "currency") -> list[str]:
    return [currency] if money else []


def _cell(value: Any) -> Any:
    match value:
        case Money(amount):
            return amount
        case bool():
            return str(value).lower()
        case _ if hasattr(value, "isoformat"):
            return value.isoformat().replace("+00:00", "Z")
        case _:
            return value
