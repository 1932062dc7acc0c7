"""Facts in the past tense, and the streams they belong to: the ground on which everything else stands."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, get_args

from events.archive import ArchiveEvent
from events.cart import CartCheckedOut, CartCleared, CartClosed, CartEvent
from events.category import CategoryEvent
from events.claim import ClaimEvent
from events.location import LocationEvent
from events.operations import OperationsEvent
from events.order import OrderCancelled, OrderCompleted, OrderEvent, OrderLapsed, PaymentRefunded
from events.product import ProductEvent
from events.stock import StockEvent
from events.user import UserEvent
from events.wishlist import WishlistEvent

Event = (
    ArchiveEvent
    | CartEvent
    | CategoryEvent
    | ClaimEvent
    | LocationEvent
    | OperationsEvent
    | OrderEvent
    | ProductEvent
    | StockEvent
    | UserEvent
    | WishlistEvent
)


@dataclass(frozen=True, slots=True)
class StreamKind:
    """A kind of stream: its category, the facts it may hold, and the fields of a fact that name its stream.

    After a fact of `ends`, nothing more is expected to happen in the stream. After one of `begins_anew`, the state is
    the same whatever was before, so that this fact and those behind it can be read without the earlier ones.
    """

    category: str
    events: tuple[type, ...]
    identity: tuple[str, ...]
    ends: tuple[type, ...] = ()
    begins_anew: tuple[type, ...] = ()


STREAM_KINDS = (
    StreamKind("archive", get_args(ArchiveEvent), ("file",)),
    StreamKind("cart", get_args(CartEvent), ("cart_id",), begins_anew=(CartCheckedOut, CartCleared, CartClosed)),
    StreamKind("category", get_args(CategoryEvent), ("category_id",)),
    StreamKind("claim", get_args(ClaimEvent), ("name",)),
    StreamKind("locations", (LocationEvent,), ("locations",)),
    # A payment that is under way when an order is cancelled comes to its end behind that, and then the refund.
    StreamKind(
        "order",
        get_args(OrderEvent),
        ("order_id",),
        ends=(OrderCompleted, OrderCancelled, OrderLapsed, PaymentRefunded),
    ),
    StreamKind("product", get_args(ProductEvent), ("product_id",)),
    StreamKind("projection", (OperationsEvent,), ("projection",)),
    StreamKind("stock", get_args(StockEvent), ("sku", "location")),
    StreamKind("user", get_args(UserEvent), ("user_id",)),
    StreamKind("wishlist", get_args(WishlistEvent), ("customer_id",)),
)

EVENT_TYPES: dict[str, type] = {event.__name__: event for kind in STREAM_KINDS for event in kind.events}
"""Every fact by its stored name. The name is a contract with the past: renaming a class needs an upcaster."""

BEGINS_ANEW = frozenset(event for kind in STREAM_KINDS for event in kind.begins_anew)

LAST_WORDS = frozenset(event for kind in STREAM_KINDS for event in (*kind.ends, *kind.begins_anew))
"""Of a stream that stands at one of these, the earlier facts can be archived."""


def stream_name(category: str, *identity: str) -> str:
    """`order-ord_01h...`, `stock-SKU-1@main`."""
    return f"{category}-{'@'.join(identity)}"


def stream_of(event: Event) -> str:
    """The stream that a fact belongs to, told by its own fields."""
    return _STREAM_OF[type(event)](event)


def category_of(event_type: type) -> str:
    """The category of the streams that hold this fact."""
    return _CATEGORY_OF[event_type]


def personal_fields(event_type: type) -> tuple[str, ...]:
    """The fields of a fact that are personal data."""
    return tuple(field.name for field in fields(event_type) if field.metadata.get("personal"))


def _naming(kind: StreamKind) -> Callable[[Any], str]:
    if len(kind.identity) == 1:
        prefix, identity = f"{kind.category}-", attrgetter(kind.identity[0])
        return lambda event: prefix + identity(event)
    identities = attrgetter(*kind.identity)
    return lambda event: stream_name(kind.category, *identities(event))


_STREAM_OF = {event: _naming(kind) for kind in STREAM_KINDS for event in kind.events}
_CATEGORY_OF = {event: kind.category for kind in STREAM_KINDS for event in kind.events}
