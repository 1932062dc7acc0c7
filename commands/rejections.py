"""Why a command is refused: each refusal has a stable code, a sentence for people and typed details for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from events.values import Money, Sku


class Rejected(Exception):
    """A rule of the shop says no. Nothing is stored. `details` go to the client as they are."""

    code = "rejected"

    def __init__(self, detail: str, **details: Any) -> None:
        super().__init__(detail)
        self.detail, self.details = detail, details


class NotFound(Rejected):
    """The thing that the command is about does not exist."""

    code = "not_found"

    def __init__(self, kind: str, identity: str) -> None:
        super().__init__(f"There is no {kind} {identity}.", kind=kind, id=identity)


class InvalidTransition(Rejected):
    """The thing is in a state in which this cannot be done. `said` is for when the states say too little."""

    code = "invalid_transition"

    def __init__(
        self, kind: str, state: str, to: str, allowed: Sequence[str] = (), *, why: str = "", said: str = ""
    ) -> None:
        article, because = "An" if kind[0] in "aeiou" else "A", f": {why}" if why else ""
        super().__init__(
            said or f"{article} {kind} that is {state} cannot become {to}{because}.",
            **{"from": state, "to": to, "allowed": list(allowed)},
        )


class NameTaken(Rejected):
    """A SKU or slug that may exist only once belongs to something else."""

    code = "name_taken"

    def __init__(self, name: str) -> None:
        kind, _, value = name.partition(":")
        super().__init__(f"The {kind.replace('-', ' ')} {value} is taken.", name=value, kind=kind)


class VersionMismatch(Rejected):
    """The caller decided on an older version than the present one (`If-Match`)."""

    code = "version_mismatch"

    def __init__(self, expected: int, current: int) -> None:
        super().__init__(
            f"You have seen version {expected}; it is at version {current} by now.",
            expected_version=expected,
            current_version=current,
        )


@dataclass(frozen=True, slots=True)
class Shortage:
    sku: Sku
    requested: int
    available: int


class OutOfStock(Rejected):
    """Not enough units of one or more SKUs: says what was asked for and what is left of each."""

    code = "out_of_stock"

    def __init__(self, items: Sequence[Shortage]) -> None:
        names = ", ".join(f"{item.sku} ({item.available} of {item.requested})" for item in items)
        super().__init__(
            f"Not enough in stock: {names}.",
            items=[{"sku": i.sku, "requested": i.requested, "available": i.available} for i in items],
        )
        self.shortages = items


class TooManyUnits(Rejected):
    """More units of an order than there are to be sent or returned: says what was asked for and what is possible."""

    code = "too_many_units"

    def __init__(self, items: Sequence[tuple[Sku, int, int]]) -> None:
        names = ", ".join(f"{sku} ({possible} of {requested})" for sku, requested, possible in items)
        super().__init__(
            f"The order has not that many: {names}.",
            items=[{"sku": sku, "requested": requested, "possible": possible} for sku, requested, possible in items],
        )


class PriceMoved(Rejected):
    """The total is no longer what the shopper agreed to."""

    code = "price_changed"

    def __init__(self, expected: Money, actual: Money) -> None:
        super().__init__(
            f"The total is {actual} now, not {expected}.",
            expected=expected.as_dict(),
            actual=actual.as_dict(),
        )


class PaymentUnderWay(Rejected):
    """One payment of an order is open at a time, and its outcome is yet to come."""

    code = "payment_under_way"

    def __init__(self, payment_id: str) -> None:
        super().__init__("A payment of this order is under way.", payment_id=payment_id)


class AmountRefused(Rejected):
    """There is not so much to capture or to refund, or it is in another currency."""

    code = "amount_refused"

    def __init__(self, asked: Money, most: Money) -> None:
        super().__init__(
            f"At most {most} are there for this, not {asked}.",
            asked={"amount": asked.amount, "currency": asked.currency},
            most={"amount": most.amount, "currency": most.currency},
        )


class CartIsEmpty(Rejected):
    code = "cart_empty"

    def __init__(self) -> None:
        super().__init__("The cart is empty.")


class NotForSale(Rejected):
    """The product is not active, or has no price in the currency asked for."""

    code = "not_for_sale"

    def __init__(self, sku: Sku, why: str) -> None:
        super().__init__(f"{sku} is not for sale: {why}.", sku=sku)


class StockWouldGoNegative(Rejected):
    code = "stock_would_go_negative"

    def __init__(self, sku: Sku, delta: int, available: int) -> None:
        super().__init__(
            f"{sku} has {available} units that are not reserved: it cannot be adjusted by {delta}.",
            sku=sku,
            delta=delta,
            available=available,
        )


class LocationInUse(Rejected):
    """A stock location cannot be closed as it is, or cannot be used as it is being closed."""

    code = "location_in_use"

    def __init__(self, location: str, why: str, **details: Any) -> None:
        super().__init__(f"{location}: {why}.", location=location, **details)


class LimitExceeded(Rejected):
    """A quantity or a number of lines is beyond what the shop keeps books about."""

    code = "limit_exceeded"


class CategoryCycle(Rejected):
    """A category cannot stand below itself."""

    code = "category_cycle"

    def __init__(self, category_id: str, parent_id: str) -> None:
        super().__init__(
            f"{parent_id} is {category_id} itself or stands below it.", category_id=category_id, parent_id=parent_id
        )


class AttributesRefused(Rejected):
    """A product says what its category does not let it say: names each attribute and what is wrong with it."""

    code = "attributes_refused"

    def __init__(self, errors: Sequence[dict[str, Any]]) -> None:
        sentences = "; ".join(f"{error['pointer']}: {error['message']}" for error in errors[:5])
        super().__init__(f"The category does not take this: {sentences}.", errors=list(errors))


class ScheduleOverlaps(Rejected):
    """Two scheduled prices of a variant in one currency cannot run at the same time."""

    code = "schedule_overlaps"

    def __init__(self, schedule_id: str, starts_at: datetime, ends_at: datetime | None) -> None:
        super().__init__(
            f"The schedule {schedule_id} runs at that time.",
            schedule_id=schedule_id,
            starts_at=starts_at,
            ends_at=ends_at,
        )
