"""A command that is asked twice adds nothing the second time. A new command needs a case here."""

import pytest

from commands import DECIDERS, Command
from commands.address_book import AddAddress, ChangeAddress, RemoveAddress
from commands.cart import AddToCart, ChangeCartLine, ClearCart, MergeCarts, RemoveFromCart
from commands.cart_coupon import RemoveCartCoupon, SetCartCoupon
from commands.catalog_row import PutCatalogRow
from commands.category import CreateCategory, DeclareAttributes, MoveCategory, RemoveCategory, RenameCategory
from commands.checkout import PlaceOrder, RecordSale
from commands.coupon import ChangeCoupon, CreateCoupon, WithdrawCoupon
from commands.handler import Handler, Once
from commands.location import BeginClosing, EndClosing, OpenLocation
from commands.mail import RecordMail
from commands.operations import SkipFact
from commands.order_life import CancelOrder, CompleteOrder, LapseOrder, ShipOrder
from commands.paper import HandOut, IssuePapers
from commands.payment import CapturePayment, LetGo, PayOrder, RefundOrder
from commands.pricing import CancelPriceSchedule, KeepPriceSchedule, SchedulePrice
from commands.privacy import ForgetSubject
from commands.product import (
    ArchiveProduct,
    ChangeSlug,
    CreateProduct,
    DescribeProduct,
    PublishProduct,
    UnpublishProduct,
)
from commands.returning import Back, ReturnOrder
from commands.session import EndSession, RecordRefusal, RecordRegistration, RecordReuse, RecordSignIn
from commands.settlement import (
    RecordActionRequired,
    RecordAuthorization,
    RecordCapture,
    RecordCaptureFailure,
    RecordDecline,
    RecordRefund,
    RecordRefundFailure,
    RecordVoid,
)
from commands.shipping import RemoveShippingZone, SetShippingZone
from commands.stock import AdjustStock, ReceiveStock, SetThreshold, TransferStock
from commands.tax import RemoveTaxes, SetTaxes
from commands.user import (
    STAFF,
    ChangeEmail,
    GrantRole,
    RecordPasswordChange,
    RegisterUser,
    ReinstateUser,
    RenameUser,
    RevokeRole,
    SuspendUser,
    VerifyEmail,
)
from commands.variant import AddVariant, ChangePrice, ChangeVariant
from commands.wishlist import AddWish, MoveWishToCart, RemoveWish
from events import Event
from events.address_book import AddressAdded
from events.cart import CartCouponSet
from events.location import LocationClosing, LocationOpened
from events.paper import Seller
from events.payment import CaptureRequested, RefundRequested
from events.session import SignedIn
from events.store import Append
from events.user import RoleGranted, UserSuspended
from events.values import Address, CaptureId, RefundId
from events.wishlist import WishAdded
from infrastructure.memory_store import MemoryEventStore
from tests.unit.pasts import (
    ANN,
    CART,
    COLOR,
    CUPS,
    GUEST,
    KITCHEN,
    LATER,
    LINES,
    MUG,
    NOON,
    ORDER,
    PAYMENT,
    RETURN,
    SMALL,
    STANDARD,
    TENTH,
    TOTAL,
    attic,
    authorized,
    cancelled,
    catalog,
    cups_category,
    draft,
    eur,
    filled_cart,
    germany,
    guests_cart,
    held,
    kitchen,
    paid,
    placed,
    registered,
    requested,
    scheduled,
    shipped,
    stocked,
    tenth_off,
    variants,
    vat,
)
from tests.unit.shop import given

capture = CaptureRequested(ORDER, PAYMENT, CaptureId("cap_1"), TOTAL)
refund = RefundRequested(ORDER, PAYMENT, RefundId("ref_1"), TOTAL, "broken")
HOME = Address("Ann", "Hauptstr. 1", "Berlin", "10115", "DE")
WORK = Address("Ann", "Nebenstr. 2", "Berlin", "10117", "DE")

Story = tuple[tuple[Event, ...], Command]

BY_THEMSELVES: dict[type, Story] = {
    type(command): (past, command)
    for past, command in (
        ((*catalog, *filled_cart), ChangeCartLine(CART, SMALL, 7)),
        ((*catalog, *filled_cart), RemoveFromCart(CART, SMALL)),
        ((*catalog, *filled_cart), ClearCart(CART)),
        (guests_cart, MergeCarts(GUEST, ANN)),
        ((), CreateCategory(KITCHEN, "kitchen", "Kitchen")),
        (kitchen, RenameCategory(KITCHEN, "At table")),
        (kitchen, RemoveCategory(KITCHEN)),
        ((*kitchen, cups_category), MoveCategory(CUPS, None)),
        (kitchen, DeclareAttributes(KITCHEN, (COLOR,))),
        (kitchen, CreateProduct(MUG, "mug", "Mug", KITCHEN)),
        (draft, DescribeProduct(MUG, name="Big mug")),
        (draft, AddVariant(MUG, SMALL, eur(700))),
        (catalog, ChangeVariant(SMALL, {"size": "XS"})),
        (catalog, ChangePrice(SMALL, eur(800))),
        ((*draft, *variants), PublishProduct(MUG)),
        (catalog, ArchiveProduct(MUG)),
        (catalog, UnpublishProduct(MUG)),
        (kitchen, PutCatalogRow(MUG, "mug", "Mug", "", "kitchen", "active", sku=SMALL, price=eur(700))),
        (draft, ChangeSlug(MUG, "big-mug")),
        (catalog, SchedulePrice(SMALL, "psc_1", eur(500), NOON, LATER, NOON)),
        ((*catalog, scheduled), KeepPriceSchedule(MUG, SMALL, "psc_1", NOON)),
        ((*catalog, scheduled), CancelPriceSchedule(SMALL, "psc_1")),
        ((*stocked, *filled_cart), PlaceOrder(ORDER, ANN, CART, "EUR", NOON)),
        (stocked, RecordSale(ORDER, ANN, LINES)),
        (placed, PayOrder(ORDER, PAYMENT, "tok")),
        ((*placed, requested), RecordCapture(ORDER, PAYMENT, TOTAL, "ref_1")),
        ((*placed, requested), RecordDecline(ORDER, PAYMENT, "no funds")),
        ((*placed, *paid, cancelled), RecordRefund(ORDER, PAYMENT, "ref_2", "cancelled")),
        ((*placed, *paid), IssuePapers(ORDER, LATER, Seller("A shop"))),
        ((), HandOut("INV-2026-000001")),
        ((*placed, requested), RecordActionRequired(ORDER, PAYMENT, "https://3ds")),
        ((*placed, held), RecordAuthorization(ORDER, PAYMENT, TOTAL, "ref_1", LATER)),
        ((*placed, held, authorized), RecordVoid(ORDER, PAYMENT)),
        ((*placed, held, authorized), CapturePayment(ORDER, CaptureId("cap_1"))),
        ((*placed, held, authorized, capture), RecordCaptureFailure(ORDER, PAYMENT, CaptureId("cap_1"), "no")),
        ((*placed, *paid), RefundOrder(ORDER, RefundId("ref_1"), "broken", eur(5))),
        ((*placed, *paid, cancelled), LetGo(ORDER, "cancelled")),
        ((*placed, *paid, refund), RecordRefundFailure(ORDER, PAYMENT, RefundId("ref_1"), "no")),
        ((*stocked, *placed, *paid), ShipOrder(ORDER)),
        ((*placed, *paid, shipped), CompleteOrder(ORDER)),
        ((*stocked, *placed), CancelOrder(ORDER, "changed my mind")),
        ((*stocked, *placed), LapseOrder(ORDER, LATER)),
        ((*catalog, *filled_cart, tenth_off), SetCartCoupon(CART, "SPRING", "EUR", NOON, ANN)),
        ((*filled_cart, CartCouponSet(CART, "SPRING")), RemoveCartCoupon(CART)),
        ((), CreateCoupon("SPRING", TENTH)),
        ((tenth_off,), ChangeCoupon("SPRING", {"limit": 5})),
        ((tenth_off,), WithdrawCoupon("SPRING")),
        ((), SetTaxes("DE", True, vat.rates)),
        ((vat,), RemoveTaxes("DE")),
        ((), SetShippingZone("de", "Germany", ("DE",), (STANDARD,))),
        ((germany,), RemoveShippingZone("de")),
        ((), OpenLocation("attic")),
        (attic, BeginClosing("attic")),
        ((LocationOpened("attic"), LocationClosing("attic")), EndClosing("attic", 0)),
        (stocked, SetThreshold(SMALL, 10)),
        (catalog, AddWish(ANN, SMALL)),
        ((*catalog, WishAdded(ANN, SMALL, MUG)), RemoveWish(ANN, SMALL)),
        ((), RecordMail(ORDER, "018f", "order_paid", "ann@example.org")),
        ((), SkipFact("sale", '["ord_1"]', 7, "a typing error")),
        ((), RegisterUser(ANN, "ann@example.org")),
        ((registered,), RenameUser(ANN, "Anne")),
        ((registered,), ChangeEmail(ANN, "anne@example.org")),
        ((registered,), VerifyEmail(ANN, "ann@example.org")),
        ((registered,), SuspendUser(ANN, "a chargeback")),
        ((registered, UserSuspended(ANN, "a chargeback")), ReinstateUser(ANN)),
        ((), AddAddress(ANN, "adr_1", HOME)),
        ((AddressAdded(ANN, "adr_1", HOME),), ChangeAddress(ANN, "adr_1", WORK)),
        ((AddressAdded(ANN, "adr_1", HOME),), RemoveAddress(ANN, "adr_1")),
        ((), RecordSignIn("ses_1", ANN)),
        ((SignedIn("ses_1", ANN),), RecordReuse("ses_1", ANN)),
        ((SignedIn("ses_1", ANN),), EndSession("ses_1", ANN, "logged_out")),
        ((registered,), ForgetSubject(ANN, "asked")),
        ((registered,), GrantRole(ANN, STAFF)),
        ((registered, RoleGranted(ANN, STAFF)), RevokeRole(ANN, STAFF)),
    )
}
BY_KEY: dict[type, Story] = {
    type(command): (past, command)
    for past, command in (
        (stocked, AddToCart(CART, SMALL, 2)),
        (stocked, ReceiveStock(SMALL, 5)),
        ((), RecordRefusal(ANN)),
        ((), RecordRegistration(ANN)),
        ((registered,), RecordPasswordChange(ANN)),
        (stocked, AdjustStock(SMALL, -3, "broken")),
        ((*stocked, *attic), TransferStock(SMALL, 2, "attic", "main")),
        ((*catalog, WishAdded(ANN, SMALL, MUG)), MoveWishToCart(ANN, SMALL)),
        ((*stocked, *placed, *paid, shipped), ReturnOrder(ORDER, RETURN, (Back(SMALL, 1, True),), "broken")),
    )
}
"""Commands that say "more": only an idempotency key can tell a repetition from a second wish."""


@pytest.mark.parametrize("kind", DECIDERS, ids=lambda kind: kind.__name__)
def test_every_command_has_a_case(kind: type) -> None:
    assert (kind in BY_THEMSELVES) ^ (kind in BY_KEY), f"add a story for {kind.__name__} to {__name__}"


@pytest.mark.parametrize("kind", BY_THEMSELVES, ids=lambda kind: kind.__name__)
def test_a_command_asked_twice_adds_nothing(kind: type) -> None:
    past, command = BY_THEMSELVES[kind]
    shop = given(*past)
    assert shop.when(command) != []
    assert shop.when(command) == []


@pytest.mark.parametrize("kind", DECIDERS, ids=lambda kind: kind.__name__)
async def test_a_request_repeated_with_its_key_adds_nothing(kind: type) -> None:
    past, command = (BY_THEMSELVES | BY_KEY)[kind]
    store = MemoryEventStore()
    await store.append(Append(past))
    once = Once("key", b"request", lambda done: f"{len(done.events)} facts".encode())
    first = await Handler(store)(command, once=once)
    head = await store.head()
    assert first.events
    assert head == len(past) + len(first.events) == first.position
    second = await Handler(store)(command, once=once)
    assert (second.replayed, second.position) == (f"{len(first.events)} facts".encode(), first.position)
    assert await store.head() == head
