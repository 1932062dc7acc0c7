"""A command that is asked twice adds nothing the second time. A new command needs a case here."""

import pytest

from commands import DECIDERS, Command
from commands.cart import AddToCart, ChangeCartLine, ClearCart, MergeCarts, RemoveFromCart
from commands.catalog_row import PutCatalogRow
from commands.category import CreateCategory, DeclareAttributes, MoveCategory, RemoveCategory, RenameCategory
from commands.checkout import PlaceOrder, RecordSale
from commands.handler import Handler, Once
from commands.location import OpenLocation
from commands.operations import SkipFact
from commands.order import (
    CancelOrder,
    CompleteOrder,
    LapseOrder,
    PayOrder,
    RecordCapture,
    RecordDecline,
    RecordRefund,
    ShipOrder,
)
from commands.pricing import CancelPriceSchedule, KeepPriceSchedule, SchedulePrice
from commands.product import (
    AddVariant,
    ArchiveProduct,
    ChangePrice,
    ChangeSlug,
    ChangeVariant,
    CreateProduct,
    DescribeProduct,
    PublishProduct,
    UnpublishProduct,
)
from commands.stock import AdjustStock, ReceiveStock, SetThreshold, TransferStock
from commands.user import STAFF, GrantRole, RegisterUser, RevokeRole
from commands.wishlist import AddWish, MoveWishToCart, RemoveWish
from events import Event
from events.store import Append
from events.user import RoleGranted
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
    SMALL,
    TOTAL,
    attic,
    cancelled,
    catalog,
    cups_category,
    draft,
    eur,
    filled_cart,
    guests_cart,
    kitchen,
    paid,
    placed,
    registered,
    requested,
    scheduled,
    shipped,
    stocked,
    variants,
)
from tests.unit.shop import given

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
        ((*stocked, *placed, *paid), ShipOrder(ORDER)),
        ((*placed, *paid, shipped), CompleteOrder(ORDER)),
        ((*stocked, *placed), CancelOrder(ORDER, "changed my mind")),
        ((*stocked, *placed), LapseOrder(ORDER, LATER)),
        ((), OpenLocation("attic")),
        (stocked, SetThreshold(SMALL, 10)),
        (catalog, AddWish(ANN, SMALL)),
        ((*catalog, WishAdded(ANN, SMALL, MUG)), RemoveWish(ANN, SMALL)),
        ((), SkipFact("sale", '["ord_1"]', 7, "a typing error")),
        ((), RegisterUser(ANN, "ann@example.org")),
        ((registered,), GrantRole(ANN, STAFF)),
        ((registered, RoleGranted(ANN, STAFF)), RevokeRole(ANN, STAFF)),
    )
}
BY_KEY: dict[type, Story] = {
    type(command): (past, command)
    for past, command in (
        (stocked, AddToCart(CART, SMALL, 2)),
        (stocked, ReceiveStock(SMALL, 5)),
        (stocked, AdjustStock(SMALL, -3, "broken")),
        ((*stocked, *attic), TransferStock(SMALL, 2, "attic", "main")),
        ((*catalog, WishAdded(ANN, SMALL, MUG)), MoveWishToCart(ANN, SMALL)),
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
