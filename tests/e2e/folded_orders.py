"""The tables about orders, their money and their papers, as `folded.py` has the others."""

from datetime import datetime
from typing import Any

Row = dict[str, Any]
Tables = dict[str, dict[tuple[Any, ...], Row]]

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


def order(tables: Tables, kind: str, body: Row, fact: Row) -> None:
    key, at = (body["order_id"],), fact["occurred_at"]
    if kind == "OrderPlaced":
        _placed(tables, body, fact)
        return
    row, sale = tables["order_summary"][key], tables["sale"][key]
    row |= {**_ORDER[kind], "updated_at": at, "version": fact["version"]}
    match kind:
        case "OrderPaid":
            sale |= {"payment_id": body["payment_id"], "paid_at": at, "paid_position": fact["position"]}
        case "PaymentRequested":
            row["payments"] = [_payment(body, method=body["method"], step="REQUESTED", state="REQUESTED")]
        case "PaymentCaptured":
            row["captured_minor"] = body["amount"]["amount"]
            _moved(tables, body, fact, row["captured_minor"], 0)
            tried = row["payments"] or [_payment(body, method="")]  # at a till, without being asked for here
            taken = {"captured_minor": row["captured_minor"], "step": "CAPTURED", "state": "CAPTURED"}
            row["payments"] = [tried[0] | taken]
        case "RefundRequested":
            back = {"refund_id": body["refund_id"], "amount_minor": body["amount"]["amount"]}
            row["payments"][-1] |= {"refunding_minor": body["amount"]["amount"], "under_way": [back]}
        case "PaymentRefunded":
            row["refunded_minor"] = body["amount"]["amount"]
            row["payments"][-1] |= {"refunding_minor": 0, "under_way": [], "state": "REFUNDED"}
            row["payments"][-1] |= {"refunded_minor": row["refunded_minor"]}
            _moved(tables, body, fact, 0, row["refunded_minor"])
        case "OrderInvoiced":
            row["invoice"] = body["number"]
        case "OrderCredited":
            row["credit_notes"].append(body["number"])
        case "OrderShipped":
            sale |= {"shipped_at": at, "shipped_position": fact["position"]}
            row |= {"carrier": body["carrier"], "tracking": body["tracking"]}
            parcel = {name: body[name] for name in ("carrier", "tracking")}
            row["shipments"].append({"units": None, **parcel, "shipped_at": at.isoformat().replace("+00:00", "Z")})
        case "OrderCancelled":
            row["cancel_reason"] = body["reason"]


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


def paper(tables: Tables, kind: str, body: Row, fact: Row) -> None:
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
