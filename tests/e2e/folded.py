"""The read tables as they must be, folded anew from the bare facts by other hands than the projections'."""

import json
from base64 import b64decode
from collections.abc import Mapping, Sequence

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.e2e.folded_orders import Row, Tables, order, paper
from tests.keys import MASTER_KEY

KEYS = {
    "cart": ["cart_id"],
    "category": ["category_id"],
    "coupon": ["code"],
    "money_entry": ["position"],
    "order_summary": ["order_id"],
    "paper": ["number"],
    "price_schedule": ["schedule_id"],
    "product": ["product_id"],
    "product_link": ["slug"],
    "sale": ["order_id"],
    "sale_line": ["position", "line"],
    "stock_level": ["sku", "location"],
    "user_account": ["user_id"],
    "wishlist": ["customer_id"],
}
MADE_BY_DATABASE = {"card"}
"""Columns that are made of the others: tests/integration/test_product_cards.py looks at them."""
MASTER = b64decode(MASTER_KEY)
_KEYS = "SELECT person_id, wrapped FROM person_keys"
_FACTS = "SELECT position, stream, version, type, body, metadata, occurred_at FROM facts ORDER BY position"
# What a fact adds to what is on hand and to what is reserved, per unit.
_STOCK = {"StockReceived": (1, 0), "StockReserved": (0, 1), "StockReleased": (0, -1), "StockCommitted": (-1, -1)}


async def facts_in(connection: asyncpg.Connection) -> list[Row]:
    """The whole book, bodies as plain structures."""
    await _decode_json(connection)
    keys = {person: _opened(MASTER, wrapped, person) for person, wrapped in await connection.fetch(_KEYS)}
    return [_in_plain(dict(record), keys) for record in await connection.fetch(_FACTS)]


def _in_plain(fact: Row, keys: Mapping[str, bytes]) -> Row:
    """With what is personal in its place, and absent what was not given."""
    personal = fact["body"].pop("personal", None)
    if personal is not None:
        plain = _opened(keys[personal["of"]], b64decode(personal["data"]), f"{fact['type']}\0{personal['of']}")
        fact["body"] |= json.loads(plain)
    return fact


def _opened(key: bytes, sealed: bytes, context: str) -> bytes:
    return AESGCM(key).decrypt(sealed[:12], sealed[12:], context.encode())


async def tables_in(connection: asyncpg.Connection) -> Tables:
    await _decode_json(connection)
    return {
        table: {
            tuple(row[name] for name in key): {
                name: value for name, value in row.items() if name not in MADE_BY_DATABASE
            }
            for row in await connection.fetch(f"SELECT * FROM {table}")
        }
        for table, key in KEYS.items()
    }


def folded(facts: Sequence[Row]) -> Tables:
    """Knows only what the tests bring about: any other fact is a KeyError, and has to be added here."""
    tables: Tables = {table: {} for table in KEYS}
    for fact in facts:
        kind = fact["stream"].partition("-")[0]
        if kind not in ("claim", "couponuse", "shipping", "taxes"):
            _FOLDS[kind](tables, fact["type"], fact["body"], fact)
    return tables


def _cart(tables: Tables, kind: str, body: Row, fact: Row) -> None:
    row = tables["cart"].setdefault((body["cart_id"],), {"lines": [], "coupon": None})
    row |= {"cart_id": body["cart_id"], "updated_at": fact["occurred_at"], "version": fact["version"]}
    match kind:
        case "CartOpened":
            row["customer_id"] = body["customer_id"]
        case "CartLineAdded":
            held = next((line for line in row["lines"] if line["sku"] == body["sku"]), None)
            if held is not None:
                held |= {"quantity": held["quantity"] + body["quantity"], "prices": body["prices"]}
            else:
                held = {name: body[name] for name in ("sku", "product_id", "quantity", "prices")} | {"left_out": 0}
                row["lines"].append(held)
            held["added_at"] = fact["occurred_at"].isoformat().replace("+00:00", "Z")
        case "CartCouponSet":
            row["coupon"] = body["code"]
        case "CartCheckedOut":
            row |= {"lines": [], "coupon": None}
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


def _coupon(tables: Tables, kind: str, body: Row, fact: Row) -> None:
    row = tables["coupon"].setdefault((body["code"],), {"redeemed": 0, "withdrawn": False})
    row |= {"updated_at": fact["occurred_at"], "version": fact["version"]}
    match kind:
        case "CouponCreated":
            row |= {**body, "created_at": fact["occurred_at"]}
        case "CouponRedeemed" | "CouponReturned":
            row["redeemed"] += 1 if kind == "CouponRedeemed" else -1
        case _:
            raise KeyError(kind)


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
    row |= {"verified": False, "suspended": False} if kind == "UserRegistered" else {}
    if kind == "RoleGranted":
        row["roles"] = sorted({*row["roles"], body["role"]})
    elif kind == "EmailVerified":
        row["verified"] = True
    else:
        row |= {**body, "registered_at": fact["occurred_at"]}


_FOLDS = {
    "cart": _cart,
    "category": _category,
    "coupon": _coupon,
    "creditnote": paper,
    "invoice": paper,
    "order": order,
    "product": _product,
    "session": lambda *_: None,
    "stock": _stock,
    "user": _user,
}


async def _decode_json(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("json", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
