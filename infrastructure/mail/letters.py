"""What the letters to customers say."""

from typing import assert_never

from events.order import OrderCancelled, OrderLapsed, OrderPaid, OrderPartlyShipped, OrderPlaced, OrderShipped
from events.payment import PaymentRefunded
from events.values import Address, Money
from projections.order_summary import OrderSummaryRow

News = OrderPlaced | OrderPaid | OrderPartlyShipped | OrderShipped | OrderCancelled | OrderLapsed | PaymentRefunded
"""Facts that a customer is told of."""

KINDS: dict[type[News], str] = {
    OrderPlaced: "order_placed",
    OrderPaid: "order_paid",
    OrderPartlyShipped: "order_partly_shipped",
    OrderShipped: "order_shipped",
    OrderCancelled: "order_cancelled",
    OrderLapsed: "order_lapsed",
    PaymentRefunded: "order_refunded",
}


def written(news: News, order: OrderSummaryRow, shop: str) -> tuple[str, str]:
    """Subject and text of the letter, about the order as it was right after the fact."""
    subject, opening, rest = _wording(news, order)
    greeting = f"Dear {order.ship_to.name}," if order.ship_to else "Hello,"
    parts = (greeting, opening, *rest, f"Order {order.order_id}\n{shop}")
    return f"{shop}: {subject}", "\n\n".join(parts) + "\n"


def _wording(news: News, order: OrderSummaryRow) -> tuple[str, str, tuple[str, ...]]:
    match news:
        case OrderPlaced(lapses_at=lapses_at):
            until = f"We keep the goods for you until {lapses_at:%d %B %Y, %H:%M} UTC." if lapses_at else ""
            return "we have your order", "thank you for your order.", _filled(_table(news), until)
        case OrderPaid(amount=amount):
            going_to = _going_to(order.ship_to)
            return "your payment has arrived", f"we have received {amount}.", _filled(going_to)
        case OrderPartlyShipped(carrier=carrier, tracking=tracking):
            opening = "a part of your order has left our house. The rest follows."
            return "a part of your order is on its way", opening, _filled(_parcel(carrier, tracking))
        case OrderShipped(carrier=carrier, tracking=tracking):
            return "your order is on its way", "your order has left our house.", _filled(_parcel(carrier, tracking))
        case OrderCancelled(reason=reason):
            return "your order is cancelled", f"your order was cancelled: {reason}.", ()
        case OrderLapsed():
            return "your order has lapsed", "your order was not paid in time, and the goods are on sale again.", ()
        case PaymentRefunded(amount=amount, reason=reason):
            return "money is on its way back", f"we have sent {amount} back to you: {reason}.", ()
        case _:
            assert_never(news)


def _table(placed: OrderPlaced) -> str:
    """An order as text, its amounts right-aligned."""
    rows = [(f"{line.quantity} x {line.name} ({line.sku})", str(line.total)) for line in placed.lines]
    if placed.shipping is not None:
        rows.append((placed.shipping.name, str(placed.shipping.total)))
    if placed.tax and not placed.prices_include_tax:
        rows.append(("Tax", str(Money(placed.tax, placed.total.currency))))
    rows.append(("Total", str(placed.total)))
    wide = max(len(amount) for _, amount in rows)
    return "\n".join(f"{amount:>{wide}}  {what}" for what, amount in rows)


def _parcel(carrier: str, tracking: str) -> str:
    return f"{carrier} {tracking}".strip()


def _going_to(address: Address | None) -> str:
    if address is None:
        return ""
    lines = (address.name, address.line1, address.line2, f"{address.postal_code} {address.city}", address.country)
    return "It goes to:\n" + "\n".join(line for line in lines if line)


def _filled(*parts: str) -> tuple[str, ...]:
    return tuple(part for part in parts if part)
