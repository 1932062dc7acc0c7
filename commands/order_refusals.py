"""What is said to whoever asks for what an order cannot become, and what can be done instead."""

from collections.abc import Mapping

PAID_ALREADY = "This order is paid already: there is nothing left to pay."
SENT = "This order has been sent, and cannot be cancelled any more: what is not wanted can be sent back."
SENT_ALREADY = "All of this order has been sent already."
NOT_SENT = "Nothing of this order has been sent, so nothing can come back: it can be cancelled."
CANCELLED = "This order is cancelled, and nothing more can be done with it: order the goods anew."
PARTLY_SENT = "A part of this order has been sent and a part is yet to be: send the rest first."
NOT_SET_ASIDE = "No money is set aside for this order: there is nothing to take until it is."

SAID: Mapping[tuple[str, str], str] = {
    ("PAID", "PAID"): PAID_ALREADY,
    ("SHIPPED", "PAID"): PAID_ALREADY,
    ("COMPLETED", "PAID"): PAID_ALREADY,
    ("PENDING", "SHIPPED"): "This order is not paid yet: it can be sent when it is.",
    ("SHIPPED", "SHIPPED"): SENT_ALREADY,
    ("COMPLETED", "SHIPPED"): SENT_ALREADY,
    ("PENDING", "COMPLETED"): "This order is not paid and sent yet: it can be completed when it is.",
    ("PAID", "COMPLETED"): "This order is not sent yet: it can be completed when all of it is.",
    ("SHIPPED", "CANCELLED"): SENT,
    ("COMPLETED", "CANCELLED"): SENT,
    ("PENDING", "RETURNED"): NOT_SENT,
    ("PAID", "RETURNED"): NOT_SENT,
    **{("CANCELLED", to): CANCELLED for to in ("PAID", "SHIPPED", "COMPLETED", "RETURNED")},
}
"""By what the order is, and what it was to become."""
