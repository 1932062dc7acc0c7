"""The read tables as they must be, folded anew from the bare facts by other hands than the projections'."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

KEYS = {
    "cart": ["cart_id"],
    "category": ["category_id"],
    "order_summary": ["order_id"],
    "price_schedule": ["schedule_id"],
    "product": ["product_id"],
    "product_link": ["slug"],
    "sale": ["order_id"],
    "sale_line": ["order_id", "line"],
    "stock_level": ["sku", "location"],
    "user_account": ["user_id"],
    "wishlist": ["customer_id"],
}
_FACTS = "SELECT position, stream, version, type, body, metadata, occurred_at FROM facts ORDER BY position"
# What a fact adds to what is on hand and to what is reserved, per unit.
_STOCK = {"StockReceived": (1, 0), "StockReserved": (0, 1), "StockReleased": (0, -1), "StockCommitted": (-1, -1)}
_ORDER: dict[str, dict[str, Any]] = {
    "PaymentRequested": {"payment": "REQUESTED"},
    "PaymentCaptured": {"payment": "CAPTURED"},
    "PaymentRefunded": {"payment": "REFUNDED"},
    "OrderPaid": {"status": "PAID", "lapses_at": None},
    "OrderShipped": {"status": "SHIPPED"},
    "OrderCompleted": {"status": "COMPLETED"},
    "OrderCancelled": {"status": "CANCELLED", "lapses_at": None},
}

Row = dict[str, Any]
Tables = dict[str, dict[tuple[Any, ...], Row]]


async def facts_in(connection: asyncpg.Connection) -> list[Row]:
    """The whole book, bodies as plain structures."""
    await _decode_json(connection)
    return [dict(record) for record in await connection.fetch(_FACTS)]


async def tables_in(connection: asyncpg.Connection) -> Tables:
    await _decode_json(connection)
    return {
        table: {tuple(row[name] for name in key): dict(row) for row in await connection.fetch(f"SELECT * FROM {table}")}
        for table, key in KEYS.items()
    }


def folded(facts: Sequence[Row]) -> Tables:
    """Knows only what the tests bring about: any other fact is a KeyError, and has to be added here."""
    tables: Tables = {table: {} for table in KEYS}
    for fact in facts:
        kind = fact["stream"].partition("-")[0]
        if kind != "claim":
            _FOLDS[kind](tables, fact["type"], fact["body"], fact)
    return tables


def _cart(tables: Tables, kind: str, body: Row, fact: Row) -> None:
    row = tables["cart"].setdefault((body["cart_id"],), {"lines": []})
    row |= {"cart_id": body["cart_id"], "updated_at": fact["occurred_at"], "version": fact["version"]}
    match kind:
        case "CartOpened":
            row["customer_id"] = body["customer_id"]
        case "CartLineAdded":
            held = next((line for line in row["lines"] if line["sku"] == body["sku"]), None)
            if held is not None:
                held |= {"quantity": held["quantity"] + body["quantity"], "prices": body["prices"]}
            else:
                held = {name: body[name] for name in ("sku", "product_id", "quantity", "prices")}
                row["lines"].append(held)
            held["added_at"] = fact["occurred_at"].isoformat().replace("+00:00", "Z")
        case "CartCheckedOut":
            row["lines"] = []
        case _:
            raise KeyError(kind)


def _category(tables: Tables, kind: str, body: Row, fact: Row) -> None:
    assert kind == "CategoryCreated", kind
    tables["category"][(body["category_id"],)] = {
        **body,
        "removed": False,
        "version": fact["version"],
        "attributes": [],
    }


def _product(tables: Tables, kind: str, body: Row, fact: Row) -> None:
    row = tables["product"].setdefault((body["product_id"],), {"status": "draft", "variants": []})
    row["version"] = fact["version"]
    match kind:
        case "ProductCreated":
            row |= {**body, "attributes": body["attributes"] or {}, "created_at": fact["occurred_at"]}
            link = {"slug": body["slug"], "product_id": body["product_id"]}
            tables["product_link"][(body["slug"],)] = link
        case "VariantAdded":
            kept = {name: body[name] for name in ("sku", "tax_class", "weight_g")}
            compared = [body["compare_at"]] if body["compare_at"] else []
            kept |= {"options": body["options"] or {}, "prices": [body["price"]], "compare_at": compared}
            row["variants"].append(kept)
        case "ProductPublished":
            row["status"] = "active"
        case _:
            raise KeyError(kind)


def _stock(tables: Tables, kind: str, body: Row, fact: Row) -> None:
    key = body["sku"], body["location"]
    row = tables["stock_level"].setdefault(key, {"sku": key[0], "location": key[1], "on_hand": 0, "reserved": 0})
    row |= {"threshold": None, "low": False}
    on_hand, reserved = _STOCK[kind]
    row["on_hand"] += on_hand * body["quantity"]
    row["reserved"] += reserved * body["quantity"]
    row["version"] = fact["version"]


def _user(tables: Tables, kind: str, body: Row, fact: Row) -> None:
    row = tables["user_account"].setdefault((body["user_id"],), {"roles": ["customer"]})
    row["version"] = fact["version"]
    if kind == "RoleGranted":
        row["roles"] = sorted({*row["roles"], body["role"]})
    else:
        row |= {**body, "registered_at": fact["occurred_at"]}


def _order(tables: Tables, kind: str, body: Row, fact: Row) -> None:
    key, at = (body["order_id"],), fact["occurred_at"]
    if kind == "OrderPlaced":
        _placed(tables, body, fact)
        return
    order, sale = tables["order_summary"][key], tables["sale"][key]
    order |= {**_ORDER[kind], "updated_at": at, "version": fact["version"]}
    match kind:
        case "OrderPaid":
            sale |= {"paid_at": at, "paid_position": fact["position"]}
        case "PaymentRefunded":
            refunded = body["amount"]["amount"]
            sale |= {"refunded_minor": refunded, "refunded_at": at, "refunded_position": fact["position"]}
        case "OrderShipped":
            order |= {"carrier": body["carrier"], "tracking": body["tracking"]}
        case "OrderCancelled":
            order["cancel_reason"] = body["reason"]


def _placed(tables: Tables, body: Row, fact: Row) -> None:
    order_id, lines, at = body["order_id"], body["lines"], fact["occurred_at"]
    lapses_at = body["lapses_at"] and datetime.fromisoformat(body["lapses_at"])
    common = {"order_id": order_id, "customer_id": body["customer_id"], "placed_at": at}
    common |= {"total_minor": body["total"]["amount"], "currency": body["total"]["currency"]}
    tables["order_summary"][(order_id,)] = {
        **common,
        "status": "PENDING",
        "payment": "NONE",
        "lines": lines,
        "ship_to": body["ship_to"],
        "carrier": "",
        "tracking": "",
        "cancel_reason": "",
        "lapses_at": lapses_at,
        "updated_at": at,
        "version": fact["version"],
    }
    tables["sale"][(order_id,)] = {
        **common,
        "units": sum(line["quantity"] for line in lines),
        "placed_position": fact["position"],
        "paid_at": None,
        "paid_position": None,
        "refunded_minor": 0,
        "refunded_at": None,
        "refunded_position": None,
    }
    for number, line in enumerate(lines, 1):
        named = {name: line[name] for name in ("sku", "product_id", "category_id", "quantity")}
        row = {"order_id": order_id, "line": number, **named, "total_minor": line["total"]["amount"]}
        tables["sale_line"][(order_id, number)] = row


_FOLDS = {"cart": _cart, "category": _category, "order": _order, "product": _product, "stock": _stock, "user": _user}


async def _decode_json(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("json", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
