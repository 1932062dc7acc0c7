"""A shop as one would explain it on a napkin: no facts and no streams, only figures that change."""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

from commands.checkout_rejections import CouponNotApplicable, CouponRefused
from commands.rejections import (
    CartIsEmpty,
    InvalidTransition,
    NotFound,
    OutOfStock,
    StockWouldGoNegative,
    TooManyUnits,
)
from tests.properties.money_model import Purse, Refusal

PLACES = ("main", "attic")
"""In the order in which orders take from them."""

PRICES = {"cup": 255, "jug": 1_999}
VAT = Fraction(19, 100)
PARCEL, FREE_FROM = 490, 4_000
COUPON_OFF, COUPON_MINIMUM, COUPON_LIMIT, COUPON_EACH = Fraction(10, 100), 500, 3, 2

Shelf = tuple[str, str]
"""A SKU and a place."""


@dataclass
class ModelOrder:
    lines: Counter[str]
    unsent: Counter[Shelf]
    """From which shelves it was taken; what has been sent is not among it any more."""
    worth: dict[str, int]
    """What all units of a SKU cost together, in cents."""
    money: Purse
    redeemed_by: str = ""
    """Whose coupon it is; "" for none, and for one that was given back."""
    life: str = "PENDING"
    """All that can be said but PAID: that the money says."""
    out: Counter[str] = field(default_factory=Counter)
    """Sent, and not come back."""
    back: Counter[str] = field(default_factory=Counter)
    is_begun: bool = False

    def worth_of(self, sku: str, units: int) -> int:
        """What so many of them were sold for, in cents."""
        return floor(Fraction(self.worth[sku] * units, self.lines[sku]))

    @property
    def status(self) -> str:
        return "PAID" if self.life == "PENDING" and not self.money.is_pending else self.life


@dataclass
class ShopModel:
    """Each method does what was asked, or says how it is refused."""

    on_hand: Counter[Shelf] = field(default_factory=Counter)
    reserved: Counter[Shelf] = field(default_factory=Counter)
    thresholds: dict[Shelf, int | None] = field(default_factory=dict)
    wishes: dict[str, set[str]] = field(default_factory=dict)
    carts: dict[str, Counter[str]] = field(default_factory=dict)
    orders: dict[str, ModelOrder] = field(default_factory=dict)
    with_coupon: set[str] = field(default_factory=set)
    """In whose carts the coupon lies."""
    tax: str = "none"
    """Or `in` the prices, or `on` top of them."""

    def available(self, sku: str) -> int:
        return sum(self.available_at(sku, place) for place in PLACES)

    def available_at(self, sku: str, place: str) -> int:
        return self.on_hand[sku, place] - self.reserved[sku, place]

    def is_low(self, sku: str, place: str) -> bool:
        threshold = self.thresholds.get((sku, place))
        return threshold is not None and self.available_at(sku, place) <= threshold

    def some_order(self, status: str) -> str:
        """The newest order in this state; "" if there is none."""
        return next((id_ for id_ in reversed(self.orders) if self.orders[id_].status == status), "")

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
        if guest in self.with_coupon:
            self.with_coupon = self.with_coupon - {guest} | {customer}
        return None

    def put_coupon(self, customer: str) -> Refusal:
        wanted = self.carts.get(customer)
        if not self._coupon_left(customer) or (wanted and goods_of(wanted) < COUPON_MINIMUM):
            return CouponRefused
        self.with_coupon.add(customer)
        return None

    def take_coupon(self, customer: str) -> Refusal:
        self.with_coupon.discard(customer)
        return None

    def redeemed(self, customer: str | None = None) -> int:
        """How often; by anyone, if nobody is named."""
        return sum(order.redeemed_by == (customer or order.redeemed_by or None) for order in self.orders.values())

    def _coupon_left(self, customer: str) -> bool:
        return self.redeemed() < COUPON_LIMIT and self.redeemed(customer) < COUPON_EACH

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
        coupon = customer in self.with_coupon
        if coupon and (not self._coupon_left(customer) or goods_of(wanted) < COUPON_MINIMUM):
            return CouponNotApplicable
        if any(self.available(sku) < units for sku, units in wanted.items()):
            return OutOfStock
        taken: Counter[Shelf] = Counter()
        for sku, units in wanted.items():
            for place in PLACES:
                taken[sku, place] = min(units, self.available_at(sku, place))
                units -= taken[sku, place]
        self.reserved += taken
        worth, parcel = self.cost(wanted, coupon)
        money = Purse(sum(worth.values()) + parcel)
        self.orders[order_id] = ModelOrder(self.carts.pop(customer), taken, worth, money, customer if coupon else "")
        self.with_coupon.discard(customer)
        return None

    def cost(self, wanted: Counter[str], coupon: bool) -> tuple[dict[str, int], int]:
        """What is to be paid for the goods of each SKU, and for their parcel, in cents."""
        lines = [PRICES[sku] * units for sku, units in wanted.items()]
        off = round(sum(lines) * COUPON_OFF) if coupon else 0
        exact = [Fraction(off * line, sum(lines)) for line in lines]
        cents = [floor(each) for each in exact]
        for _ in range(off - sum(cents)):  # to whoever is furthest from what is due
            furthest = max(range(len(lines)), key=lambda n: exact[n] - cents[n])
            cents[furthest] += 1
        parts = [line - less for line, less in zip(lines, cents, strict=True)]
        parts.append(PARCEL if sum(parts) < FREE_FROM else 0)
        *goods, parcel = [part + (round(part * VAT) if self.tax == "on" else 0) for part in parts]
        return dict(zip(wanted, goods, strict=True)), parcel

    def ship(self, order_id: str) -> Refusal:
        order = self.orders[order_id]
        if order.status == "PAID":
            self._send(order, order.unsent)
        return None if order.status in ("SHIPPED", "COMPLETED") else InvalidTransition

    def ship_some(self, order_id: str, sku: str, units: int) -> Refusal:
        order = self.orders[order_id]
        if order.status != "PAID":
            return InvalidTransition
        if units > sum(order.unsent[sku, place] for place in PLACES):
            return TooManyUnits
        parcel: Counter[Shelf] = Counter()
        for place in PLACES:
            parcel[sku, place] = min(units - parcel.total(), order.unsent[sku, place])
        self._send(order, parcel)
        return None

    def _send(self, order: ModelOrder, parcel: Counter[Shelf]) -> None:
        for (sku, _), units in parcel.items():
            order.out[sku] += units
        self.on_hand -= parcel
        self.reserved -= parcel
        order.unsent, order.is_begun = order.unsent - parcel, True
        if not order.unsent:
            order.life = "SHIPPED"

    def take_back(
        self, order_id: str, sku: str, units: int, place: str, *, restock: bool, refund: bool = False
    ) -> Refusal:
        """With `refund`, so much of what was paid for them goes back as is still there."""
        order = self.orders[order_id]
        if not order.is_begun:
            return InvalidTransition
        if units > order.out[sku]:
            return TooManyUnits
        before = order.worth_of(sku, order.back[sku])
        order.out[sku] -= units
        order.back[sku] += units
        if refund and (due := min(order.money.refundable, order.worth_of(sku, order.back[sku]) - before)):
            order.money.give_back(due)
        self.on_hand[sku, place] += units * restock
        return None

    def complete(self, order_id: str) -> Refusal:
        order = self.orders[order_id]
        if order.status == "SHIPPED":
            order.life = "COMPLETED"
        return None if order.status == "COMPLETED" else InvalidTransition

    def cancel(self, order_id: str) -> Refusal:
        order = self.orders[order_id]
        if order.status in ("PENDING", "PAID") and not order.is_begun:
            order.life, order.redeemed_by = "CANCELLED", ""
            order.money.is_pending = False
            self.reserved -= order.unsent
        return None if order.status == "CANCELLED" else InvalidTransition

    def lapse(self, order_id: str, *, late: bool) -> Refusal:
        return self.cancel(order_id) if late and self.orders[order_id].status == "PENDING" else None


def goods_of(wanted: Counter[str]) -> int:
    """What they come to, in cents."""
    return sum(PRICES[sku] * units for sku, units in wanted.items())
