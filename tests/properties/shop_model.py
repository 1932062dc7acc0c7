"""A shop as one would explain it on a napkin: no facts and no streams, only figures that change."""

from collections import Counter
from dataclasses import dataclass, field

from commands.rejections import (
    CartIsEmpty,
    InvalidTransition,
    OutOfStock,
    PaymentUnderWay,
    Rejected,
    StockWouldGoNegative,
)

Refusal = type[Rejected] | None


@dataclass
class ModelOrder:
    lines: Counter[str]
    status: str = "PENDING"
    payment: str = "NONE"


@dataclass
class ShopModel:
    """Each method does what was asked, or says how it is refused."""

    on_hand: Counter[str] = field(default_factory=Counter)
    reserved: Counter[str] = field(default_factory=Counter)
    carts: dict[str, Counter[str]] = field(default_factory=dict)
    orders: dict[str, ModelOrder] = field(default_factory=dict)

    def available(self, sku: str) -> int:
        return self.on_hand[sku] - self.reserved[sku]

    def some_order(self, **like: str) -> str:
        """The newest order in this state; "" if there is none."""
        return next((id_ for id_ in reversed(self.orders) if like.items() <= vars(self.orders[id_]).items()), "")

    def receive(self, sku: str, units: int) -> Refusal:
        self.on_hand[sku] += units
        return None

    def adjust(self, sku: str, delta: int) -> Refusal:
        if self.available(sku) + delta < 0:
            return StockWouldGoNegative
        self.on_hand[sku] += delta
        return None

    def add_to_cart(self, customer: str, sku: str, units: int) -> Refusal:
        self.carts.setdefault(customer, Counter())[sku] += units
        return None

    def place(self, order_id: str, customer: str) -> Refusal:
        wanted = self.carts.get(customer, Counter())
        if not wanted:
            return CartIsEmpty
        if any(self.available(sku) < units for sku, units in wanted.items()):
            return OutOfStock
        self.reserved += wanted
        self.orders[order_id] = ModelOrder(self.carts.pop(customer))
        return None

    def pay(self, order_id: str) -> Refusal:
        order = self.orders[order_id]
        if order.status != "PENDING":
            return InvalidTransition
        if order.payment == "REQUESTED":
            return PaymentUnderWay
        order.payment = "REQUESTED"
        return None

    def hear_from_gateway(self, order_id: str, *, captured: bool) -> Refusal:
        order = self.orders[order_id]
        if order.payment == "REQUESTED":
            order.payment = "CAPTURED" if captured else "DECLINED"
            if captured and order.status == "PENDING":
                order.status = "PAID"
        return None

    def refund(self, order_id: str) -> Refusal:
        order = self.orders[order_id]
        if order.payment == "CAPTURED":
            order.payment = "REFUNDED"
        return None

    def ship(self, order_id: str) -> Refusal:
        order = self.orders[order_id]
        if order.status == "PAID":
            order.status = "SHIPPED"
            self.on_hand -= order.lines
            self.reserved -= order.lines
        return None if order.status in ("SHIPPED", "COMPLETED") else InvalidTransition

    def complete(self, order_id: str) -> Refusal:
        order = self.orders[order_id]
        if order.status == "SHIPPED":
            order.status = "COMPLETED"
        return None if order.status == "COMPLETED" else InvalidTransition

    def cancel(self, order_id: str) -> Refusal:
        order = self.orders[order_id]
        if order.status in ("PENDING", "PAID"):
            order.status = "CANCELLED"
            self.reserved -= order.lines
        return None if order.status == "CANCELLED" else InvalidTransition
