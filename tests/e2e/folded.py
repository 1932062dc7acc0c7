"""The read tables as they must be, folded anew from the bare facts by other hands than the projections'."""

import json
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

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
MASTER = b64decode(MASTER_KEY)
_KEYS = "SELECT person_id, wrapped FROM person_keys"
_FACTS = "SELECT position, stream, version, type, body, metadata, occurred_at FROM facts ORDER BY position"
# What a fact adds to what is on hand and to what is reserved, per unit.
_STOCK = {"StockReceived": (1, 0), "StockReserved": (0, 1), "StockReleased": (0, -1), "StockCommitted": (-1, -1)}
_ORDER: dict[str, dict[str, Any]] = {
    "PaymentRequested": {"payment": "REQUESTED"},
    "PaymentCaptured": {"payment": "CAPTURED"},
    "RefundRequested": {},
    "PaymentRefunded": {"payment": "REFUNDED"},
    "OrderPaid": {"status": "PAID", "lapses_at": None},
    "OrderInvoiced": {},
    "OrderCredited": {},
    "OrderShipped": {"status": "SHIPPED"},
    "OrderCompleted": {"status": "COMPLETED"},
    "OrderCancelled": {"status": "CANCELLED", "lapses_at": None},
}

_OF_THE_COSTS = ("cart_id", "shipping", "coupon", "prices_include_tax", "bill_to", "email")

Row = dict[str, Any]
Tables = dict[str, dict[tuple[Any, ...], Row]]


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
        table: {tuple(row[name] for name in key): dict(row) for row in await connection.fetch(f"SELECT * FROM {table}")}
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
            sale |= {"payment_id": body["payment_id"], "paid_at": at, "paid_position": fact["position"]}
        case "PaymentRequested":
            order["payments"] = [_payment(body, method=body["method"], step="REQUESTED", state="REQUESTED")]
        case "PaymentCaptured":
            order["captured_minor"] = body["amount"]["amount"]
            _moved(tables, body, fact, order["captured_minor"], 0)
            tried = order["payments"] or [_payment(body, method="")]  # at a till, without being asked for here
            taken = {"captured_minor": order["captured_minor"], "step": "CAPTURED", "state": "CAPTURED"}
            order["payments"] = [tried[0] | taken]
        case "RefundRequested":
            back = {"refund_id": body["refund_id"], "amount_minor": body["amount"]["amount"]}
            order["payments"][-1] |= {"refunding_minor": body["amount"]["amount"], "under_way": [back]}
        case "PaymentRefunded":
            order["refunded_minor"] = body["amount"]["amount"]
            order["payments"][-1] |= {"refunding_minor": 0, "under_way": [], "state": "REFUNDED"}
            order["payments"][-1] |= {"refunded_minor": order["refunded_minor"]}
            _moved(tables, body, fact, 0, order["refunded_minor"])
        case "OrderInvoiced":
            order["invoice"] = body["number"]
        case "OrderCredited":
            order["credit_notes"].append(body["number"])
        case "OrderShipped":
            sale |= {"shipped_at": at, "shipped_position": fact["position"]}
            order |= {"carrier": body["carrier"], "tracking": body["tracking"]}
            parcel = {name: body[name] for name in ("carrier", "tracking")}
            order["shipments"].append({"units": None, **parcel, "shipped_at": at.isoformat().replace("+00:00", "Z")})
        case "OrderCancelled":
            order["cancel_reason"] = body["reason"]


def _payment(body: Row, **said: str) -> Row:
    sums = {"amount_minor": body["amount"]["amount"], "captured_minor": 0, "refunding_minor": 0, "refunded_minor": 0}
    return {"payment_id": body["payment_id"], "url": "", "reason": "", "under_way": [], **sums, **said}


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
        "invoice": None,
        "credit_notes": [],
        "shipments": [],
        "returns": [],
        "updated_at": at,
        "version": fact["version"],
        **{name: body[name] for name in _OF_THE_COSTS},
        "discount_minor": body["discount"],
        "tax_minor": body["tax"],
        "captured_minor": 0,
        "refunded_minor": 0,
        "payments": [],
    }
    shipping = body["shipping"]
    tables["sale"][(order_id,)] = {
        **common,
        "cart_id": body["cart_id"],
        "units": sum(line["quantity"] for line in lines),
        "shipping_minor": _sold_for(shipping, body) if shipping else 0,
        "placed_position": fact["position"],
        **dict.fromkeys(("payment_id", "paid_at", "paid_position", "shipped_at", "shipped_position")),
    }
    for number, line in enumerate(lines, 1):
        before = lines[: number - 1]
        tables["sale_line"][(fact["position"], number)] = {
            "position": fact["position"],
            "line": number,
            "total_minor": _sold_for(line, body),
            **{name: line[name] for name in ("sku", "product_id", "category_id", "quantity")},
            "before_minor": sum(_sold_for(other, body) for other in before),
            "first_of_product": line["product_id"] not in [other["product_id"] for other in before],
            "first_of_category": line["category_id"] not in [other["category_id"] for other in before],
        }


def _sold_for(part: Row, order: Row) -> int:
    on_top = 0 if order["prices_include_tax"] else part["tax"]
    return int(part["total"]["amount"]) + on_top


def _moved(tables: Tables, body: Row, fact: Row, captured: int, refunded: int) -> None:
    tables["money_entry"][(fact["position"],)] = {
        **{name: body[name] for name in ("order_id", "payment_id")},
        "position": fact["position"],
        "at": fact["occurred_at"],
        "currency": body["amount"]["currency"],
        "captured_minor": captured,
        "refunded_minor": refunded,
        "refund_id": body["refund_id"] if refunded else None,
    }


def _paper(tables: Tables, kind: str, body: Row, fact: Row) -> None:
    is_invoice = kind == "InvoiceIssued"
    assert is_invoice or kind == "CreditNoteIssued", kind
    amount = body["total" if is_invoice else "amount"]
    tables["paper"][(body["number"],)] = {
        **{name: body[name] for name in ("number", "year", "order_id", "seller")},
        "kind": "invoice" if is_invoice else "credit_note",
        "invoice": None if is_invoice else body["invoice"],
        "reason": "" if is_invoice else body["reason"],
        "refund_id": "" if is_invoice else body["refund_id"],
        "amount_minor": amount["amount"],
        "currency": amount["currency"],
        "issued_at": datetime.fromisoformat(body["issued_at"]),
        "handed_out_at": None,
    }


_FOLDS = {
    "cart": _cart,
    "category": _category,
    "coupon": _coupon,
    "creditnote": _paper,
    "invoice": _paper,
    "order": _order,
    "product": _product,
    "session": lambda *_: None,
    "stock": _stock,
    "user": _user,
}


async def _decode_json(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("json", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
