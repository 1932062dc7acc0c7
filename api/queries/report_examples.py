"""What each report looks like, for the documentation."""

from typing import Any

from api.queries.routing import page_of

_MONEY, _NONE = {"amount": 1999, "currency": "USD"}, {"amount": 0, "currency": "USD"}
_WEEK: dict[str, Any] = {"period": "2017-W01", "starts_on": "2017-01-02"}
_WHOLE: dict[str, Any] = {"period": None, "starts_on": None}
_FIGURES = {
    "orders": 1,
    "units": 2,
    "revenue": _MONEY,
    "refunded": _NONE,
    "net": _MONEY,
    "average_order": _MONEY,
}
_ITEM = {
    "sku": "MUG-S",
    "location": "main",
    "opening": 10,
    "received": 5,
    "sold": 3,
    "returned": 0,
    "written_off": 0,
    "adjusted": -1,
    "moved": 0,
    "on_hand": 11,
    "low": False,
    "unit_price": _MONEY,
    "value": {"amount": 21989, "currency": "USD"},
    "sell_through": 0.2,
}
_CART = {
    "cart_id": "cart_01h455vb4pex5vsknk084sn02q",
    "customer_id": "usr_01h455vb4pex5vsknk084sn02q",
    "begun_at": "2026-05-01T12:00:00Z",
    "last_touched_at": "2026-05-01T12:10:00Z",
    "lines": 1,
    "units": 1,
    "value": _MONEY,
}


def _report(row: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {**page_of(row), "as_of": 1042, **others}


_COUNTS = {"placed_orders": 1, "customers": 1, "carts": 4, "conversion": 0.25}
SUMMARY = {**_FIGURES, **_COUNTS, "shipping": _NONE, "as_of": 1042}
SALES = _report({**_WEEK, **_FIGURES})
SALES_CSV = (
    "period,starts_on,orders,units,revenue_minor,refunded_minor,net_minor,average_order_minor,currency\r\n"
    "2017-W01,2017-01-02,1,2,1999,0,1999,1999,USD\r\n"
)
PRODUCTS = _report({**_WHOLE, "product_id": "prd_01h455vb4pex5vsknk084sn02q", "product": "mug", **_FIGURES})
CATEGORIES = _report({**_WHOLE, "category_id": "cat_01h455vb4pex5vsknk084sn02q", "category": "cups", **_FIGURES})
CUSTOMERS = _report({**_WEEK, "customers": 3, "new": 1, "returning": 2, "orders": 4, "lifetime_value": _MONEY})
INVENTORY = _report(_ITEM)
FUNNEL = _report({**_WEEK, "carts": 8, "checkouts": 4, "paid": 3, "shipped": 2, "without_cart": 0, "conversion": 0.5})
ABANDONED_CARTS = _report(_CART, until="2026-05-02T12:00:00Z")
