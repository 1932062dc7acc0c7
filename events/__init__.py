"""Facts in the past tense, and the streams they belong to: the ground on which everything else stands."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, get_args

from events.address_book import AddressBookEvent
from events.archive import ArchiveEvent
from events.cart import CartCheckedOut, CartCleared, CartClosed, CartEvent
from events.category import CategoryEvent
from events.claim import ClaimEvent
from events.coupon import CouponEvent, CouponUseEvent
from events.location import LocationEvent
from events.mail import MailEvent
from events.operations import OperationsEvent
from events.order import OrderCancelled, OrderCompleted, OrderCredited, OrderEvent, OrderLapsed, OrderReturned
from events.paper import CreditNoteEvent, InvoiceEvent, PaperEvent
from events.payment import PaymentRefunded, PaymentVoided
from events.privacy import PrivacyEvent
from events.product import ProductEvent
from events.session import RefusalEvent, SessionEvent
from events.shipping import ShippingEvent
from events.stock import StockEvent
from events.tax import TaxEvent
from events.user import UserEvent
from events.wishlist import WishlistEvent

Event = (
    AddressBookEvent
    | ArchiveEvent
    | CartEvent
    | CategoryEvent
    | ClaimEvent
    | CouponEvent
    | CouponUseEvent
    | CreditNoteEvent
    | InvoiceEvent
    | LocationEvent
    | MailEvent
    | OperationsEvent
    | OrderEvent
    | PaperEvent
    | PrivacyEvent
    | ProductEvent
    | RefusalEvent
    | SessionEvent
    | ShippingEvent
    | StockEvent
    | TaxEvent
    | UserEvent
    | WishlistEvent
)


@dataclass(frozen=True, slots=True)
class StreamKind:
    """A kind of stream: its category, the facts it may hold, and the fields of a fact that name its stream.

    After a fact of `ends`, nothing is left to do in the stream, unless something follows that is not one of `echoes`:
    these settle what was begun, before the end or behind it. After a fact of `begins_anew`, the state is the same
    whatever was before, so that this fact and those behind it can be read without the earlier ones.
    """

    category: str
    events: tuple[type, ...]
    identity: tuple[str, ...]
    ends: tuple[type, ...] = ()
    echoes: tuple[type, ...] = ()
    begins_anew: tuple[type, ...] = ()


STREAM_KINDS = (
    StreamKind("addresses", get_args(AddressBookEvent), ("user_id",)),
    StreamKind("archive", get_args(ArchiveEvent), ("file",)),
    StreamKind("cart", get_args(CartEvent), ("cart_id",), begins_anew=(CartCheckedOut, CartCleared, CartClosed)),
    StreamKind("category", get_args(CategoryEvent), ("category_id",)),
    StreamKind("claim", get_args(ClaimEvent), ("name",)),
    StreamKind("coupon", get_args(CouponEvent), ("code",)),
    StreamKind("couponuse", get_args(CouponUseEvent), ("code", "customer_id")),
    StreamKind("creditnote", (CreditNoteEvent,), ("year",)),
    StreamKind("invoice", (InvoiceEvent,), ("year",)),
    StreamKind("mail", get_args(MailEvent), ("order_id",)),
    StreamKind("locations", get_args(LocationEvent), ("locations",)),
    # A payment that is under way when an order is cancelled comes to its end behind that, and then the refund. But an
    # order that is to be sent yet may be refunded in part, and have a payment voided.
    StreamKind(
        "order",
        get_args(OrderEvent),
        ("order_id",),
        ends=(OrderCompleted, OrderCancelled, OrderLapsed),
        echoes=(OrderReturned, OrderCredited, PaymentRefunded, PaymentVoided),
    ),
    StreamKind("paper", (PaperEvent,), ("number",)),
    StreamKind("person", (PrivacyEvent,), ("person_id",)),
    StreamKind("product", get_args(ProductEvent), ("product_id",)),
    StreamKind("projection", (OperationsEvent,), ("projection",)),
    StreamKind("refusals", get_args(RefusalEvent), ("user_id",)),
    StreamKind("session", get_args(SessionEvent), ("session_id",)),
    StreamKind("shipping", get_args(ShippingEvent), ("zones",)),
    StreamKind("stock", get_args(StockEvent), ("sku", "location")),
    StreamKind("taxes", get_args(TaxEvent), ("taxes",)),
    StreamKind("user", get_args(UserEvent), ("user_id",)),
    StreamKind("wishlist", get_args(WishlistEvent), ("customer_id",)),
)

SEPARATOR = "@"
"""Between the parts of a stream's identity."""

EVENT_TYPES: dict[str, type] = {event.__name__: event for kind in STREAM_KINDS for event in kind.events}
"""Every fact by its stored name. The name is a contract with the past: renaming a class needs an upcaster."""

PERSON_FIELDS = ("customer_id", "user_id")
"""A fact with personal data says by one of these whom it is about."""

BEGINS_ANEW = frozenset(event for kind in STREAM_KINDS for event in kind.begins_anew)

LAST_WORDS = frozenset(event for kind in STREAM_KINDS for event in (*kind.ends, *kind.begins_anew))
"""Of a stream that stands at one of these, the earlier facts can be archived."""

ECHOES = frozenset(event for kind in STREAM_KINDS for event in kind.echoes)
"""And of one that stands at one of these, if one of the others is behind."""


def stream_name(category: str, *identity: str) -> str:
    """`order-ord_01h...`, `stock-SKU-1@main`."""
    return f"{category}-{SEPARATOR.join(identity)}"


def stream_of(event: Event) -> str:
    """The stream that a fact belongs to, told by its own fields."""
    return _STREAM_OF[type(event)](event)


def category_of(event_type: type) -> str:
    """The category of the streams that hold this fact."""
    return _CATEGORY_OF[event_type]


def personal_fields(event_type: type) -> tuple[str, ...]:
    """The fields of a fact that are personal data."""
    return tuple(field.name for field in fields(event_type) if field.metadata.get("personal"))


def person_of(event: Event) -> str:
    """Whom a fact is about that holds personal data."""
    person: str = _PERSON_OF[type(event)](event)
    return person


def _naming(kind: StreamKind) -> Callable[[Any], str]:
    prefix = stream_name(kind.category, "")
    if len(kind.identity) == 1:
        identity = attrgetter(kind.identity[0])
        return lambda event: prefix + identity(event)
    identities = attrgetter(*kind.identity)
    return lambda event: prefix + SEPARATOR.join(identities(event))


_STREAM_OF = {event: _naming(kind) for kind in STREAM_KINDS for event in kind.events}
_PERSON_OF: dict[type, Callable[[Any], str]] = {
    event: attrgetter(next(each.name for each in fields(event) if each.name in PERSON_FIELDS))
    for event in EVENT_TYPES.values()
    if personal_fields(event)
}
_CATEGORY_OF = {event: kind.category for kind in STREAM_KINDS for event in kind.events}
