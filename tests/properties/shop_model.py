"""A shop as one would explain it on a napkin: no facts and no streams, only figures that change."""

from collections import Counter
from dataclasses import dataclass, field

from commands.rejections import (
    CartIsEmpty,
    InvalidTransition,
    NotFound,
    OutOfStock,
    PaymentUnderWay,
    Rejected,
    StockWouldGoNegative,
)

Refusal = type[Rejected] | None

PLACES = ("main", "attic")
"""In the order in which orders take from them."""

Shelf = tuple[str, str]
"""A SKU and a place."""


@dataclass
class ModelOrder:
    lines: Counter[str]
    taken: Counter[Shelf]
    status: str = "PENDING"
    payment: str = "NONE"


@dataclass
class ShopModel:
    """Each method does what was asked, or says how it is refused."""

    on_hand: Counter[Shelf] = field(default_factory=Counter)
    reserved: Counter[Shelf] = field(default_factory=Counter)
    thresholds: dict[Shelf, int | None] = field(default_factory=dict)
    wishes: dict[str, set[str]] = field(default_factory=dict)
    carts: dict[str, Counter[str]] = field(default_factory=dict)
    orders: dict[str, ModelOrder] = field(default_factory=dict)

    def available(self, sku: str) -> int:
        return sum(self.available_at(sku, place) for place in PLACES)

    def available_at(self, sku: str, place: str) -> int:
        return self.on_hand[sku, place] - self.reserved[sku, place]

    def is_low(self, sku: str, place: str) -> bool:
        threshold = self.thresholds.get((sku, place))
        return threshold is not None and self.available_at(sku, place) <= threshold

    def some_order(self, **like: str) -> str:
        """The newest order in this state; "" if there is none."""
        return next((id_ for id_ in reversed(self.orders) if like.items() <= vars(self.orders[id_]).items()), "")

    def receive(self, sku: str, units: int, place: str = "main") -> Refusal:
        self.on_hand[sku, place] += units
        return None

    def transfer(self, sku: str, units: int, origin: str, destination: str) -> Refusal:
        if origin != destination and self.available_at(sku, origin) < units:
            return OutOfStock
        self.on_hand[sku, origin] -= units
        self.on_hand[sku, destination] += units
        return None

    def set_threshold(self, sku: str, units: int | None, place: str) -> Refusal:
        self.thresholds[sku, place] = units
        return None

    def adjust(self, sku: str, delta: int) -> Refusal:
        if self.available_at(sku, "main") + delta < 0:
            return StockWouldGoNegative
        self.on_hand[sku, "main"] += delta
        return None

    def add_to_cart(self, customer: str, sku: str, units: int) -> Refusal:
        self.carts.setdefault(customer, Counter())[sku] += units
        return None

    def merge(self, guest: str, customer: str) -> Refusal:
        self.carts.setdefault(customer, Counter()).update(self.carts.pop(guest, Counter()))
        return None

    def wish(self, customer: str, sku: str) -> Refusal:
        self.wishes.setdefault(customer, set()).add(sku)
        return None

    def wish_to_cart(self, customer: str, sku: str) -> Refusal:
        if sku not in self.wishes.get(customer, ()):
            return NotFound
        self.wishes[customer].remove(sku)
        return self.add_to_cart(customer, sku, 1)

    def place(self, order_id: str, customer: str) -> Refusal:
        wanted = self.carts.get(customer, Counter())
        if not wanted:
            return CartIsEmpty
        if any(self.available(sku) < units for sku, units in wanted.items()):
            return OutOfStock
        taken: Counter[Shelf] = Counter()
        for sku, units in wanted.items():
            for place in PLACES:
                taken[sku, place] = min(units, self.available_at(sku, place))
                units -= taken[sku, place]
        self.reserved += taken
        self.orders[order_id] = ModelOrder(self.carts.pop(customer), taken)
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
            self.on_hand -= order.taken
            self.reserved -= order.taken
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
            self.reserved -= order.taken
        return None if order.status == "CANCELLED" else InvalidTransition
