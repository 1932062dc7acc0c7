"""What orders and their histories look like, for the documentation."""

SUMMARY = {
    "order_id": "ord_01h455vb4pex5vsknk084sn02q",
    "customer_id": "usr_01h455vb4pex5vsknk084sn02q",
    "status": "PENDING",
    "payment": "DECLINED",
    "total": {"amount": 3998, "currency": "USD"},
    "lines": 1,
    "placed_at": "2026-05-01T12:00:00Z",
    "updated_at": "2026-05-01T12:00:00Z",
    "version": 1,
}
_LINE = {
    "sku": "MUG-S",
    "product_id": "prd_01h455vb4pex5vsknk084sn02q",
    "name": "Mug",
    "category_id": "cat_01h455vb4pex5vsknk084sn02q",
    "quantity": 2,
    "unit_price": {"amount": 1999, "currency": "USD"},
    "discount": {"amount": 0, "currency": "USD"},
    "total": {"amount": 3998, "currency": "USD"},
    "tax": {"amount": 0, "currency": "USD"},
    "tax_ppm": 0,
}
_PAYMENT = {
    "payment_id": "pay_01h455vb4pex5vsknk084sn02q",
    "method": "tok_decline",
    "state": "DECLINED",
    "amount": {"amount": 3998, "currency": "USD"},
    "captured": {"amount": 0, "currency": "USD"},
    "refunded": {"amount": 0, "currency": "USD"},
    "refunding": {"amount": 0, "currency": "USD"},
    "action_url": "",
    "reason": "card_declined",
}
ORDER = {
    **SUMMARY,
    "subtotal": {"amount": 3998, "currency": "USD"},
    "discount": {"amount": 0, "currency": "USD"},
    "shipping": None,
    "tax": {"amount": 0, "currency": "USD"},
    "prices_include_tax": False,
    "coupon": None,
    "lines": [_LINE],
    "ship_to": None,
    "bill_to": None,
    "email": None,
    "cart_id": "cart_01h455vb4pex5vsknk084sn02q",
    "carrier": "",
    "tracking": "",
    "cancel_reason": "",
    "lapses_at": "2026-05-01T12:15:00Z",
    "captured": {"amount": 0, "currency": "USD"},
    "refunded": {"amount": 0, "currency": "USD"},
    "payments": [_PAYMENT],
    "shipments": [
        {
            "lines": [{"sku": "MUG-S", "quantity": 1}],
            "carrier": "DHL",
            "tracking": "JD014600003",
            "shipped_at": "2026-05-02T08:00:00Z",
        }
    ],
    "returns": [
        {
            "return_id": "ret_01h455vb4pex5vsknk084sn02q",
            "lines": [
                {
                    "sku": "MUG-S",
                    "quantity": 1,
                    "restocked": False,
                    "location": "main",
                    "worth": {"amount": 1999, "currency": "USD"},
                }
            ],
            "reason": "broken on arrival",
            "returned_at": "2026-05-09T10:00:00Z",
        }
    ],
    "invoice": "INV-2026-000042",
    "credit_notes": ["CN-2026-000007"],
}
_DEED = {
    "version": 3,
    "type": "OrderPaid",
    "reason": "",
    "occurred_at": "2026-05-01T12:01:00Z",
    "recorded_at": "2026-05-01T12:01:00Z",
    "actor": "system:fulfilment",
    "command": "RecordCapture",
    "request_id": "req_01h455vb4pex5vsknk084sn02q",
    "correlation_id": "req_01h455vb4pex5vsknk084sn02q",
    "causation_id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "position": 1042,
}
_CHANGE = {"field": "status", "before": "PENDING", "after": "PAID"}
HISTORY = {"order_id": ORDER["order_id"], "version": 3, "data": [{**_DEED, "changes": [_CHANGE]}]}
DIFF = {
    "order_id": ORDER["order_id"],
    "from_version": 2,
    "to_version": 4,
    "data": [{**_CHANGE, "by": [_DEED]}],
}
