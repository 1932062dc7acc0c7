"""Read models told as stories: given these facts, then these rows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from events import EVENT_TYPES, Event, stream_of
from events.cart import (
    CartCheckedOut,
    CartCleared,
    CartClosed,
    CartCouponRemoved,
    CartCouponSet,
    CartLineAdded,
    CartLineChanged,
    CartLineRemoved,
    CartMerged,
    CartOpened,
    MergedLine,
)
from events.category import CategoryCreated, CategoryRemoved, CategoryRenamed
from events.coupon import CouponChanged, CouponRedeemed, CouponReturned, CouponWithdrawn
from events.order import OrderLapsed, OrderPlaced, Shipping
from events.payment import (
    CaptureFailed,
    CaptureRequested,
    PaymentActionRequired,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentRefunded,
    PaymentRequested,
    PaymentVoided,
    RefundFailed,
    RefundRequested,
)
from events.product import (
    PriceChanged,
    ProductArchived,
    ProductCreated,
    ProductDescribed,
    ProductPublished,
    VariantAdded,
    VariantChanged,
)
from events.stock import (
    StockAdjusted,
    StockArrived,
    StockCommitted,
    StockLapsed,
    StockRanLow,
    StockReceived,
    StockRecovered,
    StockReleased,
    StockReserved,
    StockSent,
    StockThresholdSet,
)
from events.store import Metadata, Recorded
from events.user import EmailChanged, EmailVerified, RoleGranted, RoleRevoked, UserRenamed, UserSuspended
from events.values import Address, CaptureId, CategoryId, Money, OrderId, ProductId, RefundId, Sku
from events.wishlist import WishAdded, WishRemoved
from projections import PROJECTIONS
from projections.availability import AvailabilityRow, availability
from projections.cart import CartLineRow, CartRow, cart
from projections.category import CategoryRow, category
from projections.coupon import CouponRow, coupon
from projections.listing import listing
from projections.listing_price import listing_price
from projections.order_summary import LAPSE_REASON, OrderSummaryRow, order_summary
from projections.payments import PaymentRow
from projections.product import ProductRow, VariantRow, product
from projections.projection import Key, Projection, changed
from projections.stock_level import StockLevelRow, stock_level
from projections.user_account import UserAccountRow, user_account
from projections.wishlist import WishlistRow, WishRow, wishlist
from tests.golden.__main__ import example
from tests.unit import pasts
from tests.unit.pasts import (
    ANN,
    CART,
    GUEST,
    KITCHEN,
    LARGE,
    LATER,
    LINES,
    MUG,
    NOON,
    ORDER,
    PAYMENT,
    SECOND_PAYMENT,
    SMALL,
    TOTAL,
    eur,
)


def recorded(events: Sequence[Event]) -> list[Recorded]:
    """One fact a minute from noon on, each in its stream and in the book."""
    versions: dict[str, int] = {}
    facts = []
    for position, event in enumerate(events, 1):
        stream = stream_of(event)
        versions[stream] = versions.get(stream, 0) + 1
        at = NOON + timedelta(minutes=position)
        facts.append(Recorded(event, UUID(int=position), stream, versions[stream], position, Metadata(), at, at))
    return facts


def rows(projection: Projection[Any], *events: Event) -> dict[Key, Any]:
    found: dict[Key, Any] = {}
    for fact in recorded(events):
        if type(fact.event) in projection.facts:
            for key in projection.touched(fact):
                row = projection.evolve(found.get(key), fact, key)
                if row is None:
                    found.pop(key, None)
                else:
                    found[key] = row
    return found


def minute(n: int) -> datetime:
    return NOON + timedelta(minutes=n)


def order_row(*events: Event) -> OrderSummaryRow:
    row: OrderSummaryRow = rows(order_summary, *events)[ORDER,]
    return row


placed_row = OrderSummaryRow(
    ORDER,
    ANN,
    "PENDING",
    "NONE",
    2_300,
    "EUR",
    LINES,
    None,
    "",
    "",
    "",
    placed_at=minute(1),
    lapses_at=NOON,
    updated_at=minute(1),
    version=1,
    cart_id=CART,
)


def test_an_order_begins_pending_and_keeps_its_lines_as_sold() -> None:
    assert rows(order_summary, *pasts.placed) == {(ORDER,): placed_row}
    home = Address("Ann", "Street 1", "Berlin", "10115", "DE")
    assert order_row(OrderPlaced(ORDER, ANN, LINES, TOTAL, ship_to=home)).ship_to == home


def test_an_order_shows_what_it_cost_step_by_step() -> None:
    shipping = Shipping("standard", "Standard", eur(490), eur(0), 490)
    told = OrderPlaced(
        ORDER,
        ANN,
        LINES,
        TOTAL,
        CART,
        NOON,
        shipping=shipping,
        coupon="SPRING",
        discount=490,
        tax=367,
        prices_include_tax=True,
        bill_to=pasts.HOME,
        email="ann@example.org",
    )
    assert order_row(told) == placed_row._replace(
        shipping=shipping,
        coupon="SPRING",
        discount_minor=490,
        tax_minor=367,
        prices_include_tax=True,
        bill_to=pasts.HOME,
        email="ann@example.org",
    )


def test_a_coupon_counts_its_redemptions() -> None:
    told = (
        pasts.tenth_off,
        CouponRedeemed("SPRING", ORDER, ANN, eur(230)),
        CouponRedeemed("SPRING", OrderId("ord_2"), ANN, eur(230)),
        CouponReturned("SPRING", ORDER, ANN),
    )
    row = CouponRow("SPRING", pasts.TENTH, False, 1, minute(1), minute(4), 4)
    assert rows(coupon, *told) == {("SPRING",): row}
    more = replace(pasts.TENTH, limit=9)
    changed = rows(coupon, *told, CouponChanged("SPRING", more), CouponWithdrawn("SPRING"))["SPRING",]
    assert changed == row._replace(terms=more, withdrawn=True, updated_at=minute(6), version=6)


def test_an_order_follows_its_money_and_its_parcel() -> None:
    told = [pasts.placed[0], *pasts.paid, pasts.shipped, pasts.completed]
    seen = [order_row(*told[:n]) for n in range(1, len(told) + 1)]
    assert [(row.status, row.payment) for row in seen] == [
        ("PENDING", "NONE"),
        ("PENDING", "REQUESTED"),
        ("PENDING", "CAPTURED"),
        ("PAID", "CAPTURED"),
        ("SHIPPED", "CAPTURED"),
        ("COMPLETED", "CAPTURED"),
    ]
    assert [row.version for row in seen] == [1, 2, 3, 4, 5, 6]
    assert [row.updated_at for row in seen] == [minute(n) for n in range(1, 7)]
    assert seen[2].lapses_at == NOON
    assert seen[3].lapses_at is None
    assert (seen[4].carrier, seen[4].tracking) == ("DHL", "123")
    assert {row.placed_at for row in seen} == {minute(1)}


def test_an_order_can_be_declined_cancelled_refunded_or_lapse() -> None:
    begun = pasts.placed[0]
    assert order_row(begun, pasts.requested, pasts.declined).payment == "DECLINED"
    cancelled = order_row(begun, pasts.cancelled)
    assert (cancelled.status, cancelled.cancel_reason, cancelled.lapses_at) == ("CANCELLED", "changed my mind", None)
    refunded = PaymentRefunded(ORDER, PAYMENT, TOTAL, "ref_2", "cancelled")
    row = order_row(begun, *pasts.paid, pasts.cancelled, refunded)
    assert (row.status, row.payment) == ("CANCELLED", "REFUNDED")
    lapsed = order_row(begun, OrderLapsed(ORDER))
    assert (lapsed.status, lapsed.cancel_reason, lapsed.lapses_at) == ("CANCELLED", LAPSE_REASON, None)


def test_an_order_tells_each_payment_and_what_came_and_went_by_it() -> None:
    second = PaymentRequested(ORDER, SECOND_PAYMENT, TOTAL, "tok_other", capture=False)
    cap, ref = CaptureId("cap_1"), RefundId("ref_1")
    story = [
        pasts.placed[0],
        pasts.requested,
        PaymentActionRequired(ORDER, PAYMENT, "https://3ds"),
        pasts.declined,
        second,
        PaymentAuthorized(ORDER, SECOND_PAYMENT, TOTAL, "r", LATER),
        CaptureRequested(ORDER, SECOND_PAYMENT, cap, eur(800)),
        CaptureFailed(ORDER, SECOND_PAYMENT, cap, "try again"),
        PaymentCaptured(ORDER, SECOND_PAYMENT, eur(800), "r", cap),
        PaymentVoided(ORDER, SECOND_PAYMENT),
        RefundRequested(ORDER, SECOND_PAYMENT, ref, eur(300), "broken"),
        PaymentRefunded(ORDER, SECOND_PAYMENT, eur(300), "r", "broken", ref),
        RefundRequested(ORDER, SECOND_PAYMENT, ref, eur(500), "broken"),
        RefundFailed(ORDER, SECOND_PAYMENT, ref, "no"),
    ]
    seen = [order_row(*story[: n + 1]) for n in range(len(story))]
    assert [row.payment for row in seen] == [
        *["NONE", "REQUESTED", "ACTION_REQUIRED", "DECLINED", "REQUESTED", "AUTHORIZED", "AUTHORIZED", "AUTHORIZED"],
        *["PARTIALLY_CAPTURED", "PARTIALLY_CAPTURED", "PARTIALLY_CAPTURED", *["PARTIALLY_REFUNDED"] * 3],
    ]
    assert seen[2].payments[0].url == "https://3ds"
    assert seen[5].lapses_at == LATER, "money that is set aside keeps the goods"
    assert seen[9].lapses_at == minute(10), "and when it is let go, nothing does"
    assert seen[10].payments[1].refunding_minor == 300
    assert (seen[-1].captured_minor, seen[-1].refunded_minor) == (800, 300)
    assert seen[-1].payments == (
        PaymentRow(PAYMENT, "tok_ok", "DECLINED", 2300, reason="no funds", state="DECLINED"),
        PaymentRow(SECOND_PAYMENT, "tok_other", "CAPTURED", 2300, 800, 0, 300, "", "no", "PARTIALLY_REFUNDED"),
    )


def test_a_cart_adds_up_changes_and_empties() -> None:
    held = [CartLineRow(SMALL, MUG, 2, (), minute(2)), CartLineRow(LARGE, MUG, 1, (), minute(3))]
    two = CartRow(CART, ANN, held, minute(3), 3)
    assert rows(cart, *pasts.filled_cart) == {(CART,): two}

    def lines(*events: Event) -> list[tuple[str, int]]:
        row: CartRow = rows(cart, *pasts.filled_cart, *events)[CART,]
        return [(line.sku, line.quantity) for line in row.lines]

    assert lines(CartLineAdded(CART, SMALL, MUG, 3)) == [(SMALL, 5), (LARGE, 1)]
    assert lines(CartLineChanged(CART, LARGE, 9)) == [(SMALL, 2), (LARGE, 9)]
    assert lines(CartLineRemoved(CART, SMALL)) == [(LARGE, 1)]
    assert lines(CartCleared(CART)) == lines(CartCheckedOut(CART, ORDER)) == []
    assert rows(cart, CartOpened(CART))[CART,].customer_id is None

    def held_coupon(*events: Event) -> str | None:
        row: CartRow = rows(cart, *pasts.filled_cart, CartCouponSet(CART, "SPRING"), *events)[CART,]
        return row.coupon

    assert held_coupon() == held_coupon(CartLineRemoved(CART, SMALL)) == "SPRING"
    for emptied in (CartCouponRemoved(CART), CartCleared(CART), CartCheckedOut(CART, ORDER), CartClosed(CART, GUEST)):
        assert held_coupon(emptied) is None


def test_a_merged_cart_holds_what_came_along_as_it_was_put_there() -> None:
    came = (
        MergedLine(SMALL, MUG, 3, 0, (eur(650),)),
        MergedLine(Sku("MUG-XL"), MUG, 0, 7),
        MergedLine(LARGE, MUG, 0, 8, (eur(1),)),
    )
    merged = (*pasts.filled_cart, *pasts.guests_cart, CartMerged(CART, GUEST, came), CartClosed(GUEST, CART))
    found = rows(cart, *merged)
    assert found[CART,].lines == [
        CartLineRow(SMALL, MUG, 5, (eur(650),), minute(6)),
        CartLineRow(LARGE, MUG, 1, (), minute(3), left_out=8),
        CartLineRow(Sku("MUG-XL"), MUG, 0, (), minute(6), left_out=7),
    ]
    assert found[GUEST,].lines == []
    later = rows(cart, *merged, CartLineAdded(CART, Sku("MUG-XL"), MUG, 1), CartLineChanged(CART, LARGE, 2))
    assert [(line.quantity, line.left_out) for line in later[CART,].lines] == [(5, 0), (2, 0), (1, 0)]


def test_a_cart_is_kept_in_redis_under_its_customer() -> None:
    assert cart.cached_key(("cart_01h455vb4pex5vsknk084sn02q",)) == ("usr_01h455vb4pex5vsknk084sn02q", "cart")
    assert cart.cached_key(("cart_" + "0f" * 16,)) == ("cart_" + "0f" * 16, "cart")


def test_a_wishlist_shortens_as_it_grew() -> None:
    small, large = WishAdded(ANN, SMALL, MUG, (eur(700),)), WishAdded(ANN, LARGE, MUG)
    kept = WishRow(LARGE, MUG, (), minute(2))
    assert rows(wishlist, small, large, WishRemoved(ANN, SMALL)) == {(ANN,): WishlistRow(ANN, [kept], minute(3), 3)}


def test_a_category_keeps_its_place_when_it_is_removed() -> None:
    mugs = CategoryId("cat_mugs")
    told = (*pasts.kitchen, CategoryCreated(mugs, "mugs", "Mugs", KITCHEN), CategoryRenamed(mugs, "Cups"))
    kitchen = CategoryRow(KITCHEN, "kitchen", "Kitchen", None, removed=False, version=1)
    cups = CategoryRow(mugs, "mugs", "Cups", KITCHEN, removed=False, version=2)
    assert rows(category, *told) == {(KITCHEN,): kitchen, (mugs,): cups}
    removed = cups._replace(removed=True, version=3)
    assert rows(category, *told, CategoryRemoved(mugs))[mugs,] == removed


def test_a_product_is_a_draft_until_it_is_published_and_carries_its_prices() -> None:
    expected = ProductRow(
        MUG,
        "mug",
        "Mug",
        "Holds tea.",
        KITCHEN,
        "draft",
        {"dishwasher": True},
        [VariantRow(SMALL, {"size": "S"}, [eur(700)]), VariantRow(LARGE, {"size": "L"}, [eur(900)])],
        created_at=minute(4),
        version=3,
    )
    assert rows(product, *pasts.draft, *pasts.variants) == {(MUG,): expected}
    active: ProductRow = rows(product, *pasts.catalog)[MUG,]
    assert active == expected._replace(status="active", version=4)
    assert rows(product, *pasts.catalog, ProductArchived(MUG))[MUG,].status == "archived"


def test_a_product_is_described_anew_and_priced_per_currency() -> None:
    def after(*events: Event) -> ProductRow:
        row: ProductRow = rows(product, *pasts.catalog, *events)[MUG,]
        return row

    described = after(ProductDescribed(MUG, "Cup", CategoryId("cat_2"), "Holds coffee."))
    assert (described.name, described.category_id, described.attributes) == ("Cup", "cat_2", {})
    assert described.slug == "mug"
    dollars = replace(eur(800), currency="USD")
    priced = after(PriceChanged(MUG, SMALL, eur(650), eur(700)), PriceChanged(MUG, SMALL, dollars, None))
    assert [variant.prices for variant in priced.variants] == [[eur(650), dollars], [eur(900)]]
    assert after(VariantChanged(MUG, LARGE, {"size": "XL"})).variants[1].options == {"size": "XL"}


@pytest.mark.parametrize(
    ("event", "on_hand", "reserved"),
    [
        (StockReceived(SMALL, 3), 13, 4),
        (StockAdjusted(SMALL, -3, "lost"), 7, 4),
        (StockReserved(SMALL, ORDER, 3), 10, 7),
        (StockReleased(SMALL, ORDER, 3, "cancelled"), 10, 1),
        (StockLapsed(SMALL, ORDER, 3), 10, 1),
        (StockCommitted(SMALL, ORDER, 3), 7, 1),
        (StockSent(SMALL, 3, "attic"), 7, 4),
        (StockArrived(SMALL, 3, "attic"), 13, 4),
    ],
)
def test_stock_moves_with_every_fact(event: Event, on_hand: int, reserved: int) -> None:
    begun = (StockReceived(SMALL, 10), StockReserved(SMALL, ORDER, 4))
    assert rows(stock_level, *begun, event) == {
        (SMALL, "main"): StockLevelRow(SMALL, "main", on_hand, reserved, None, False, version=3)
    }


def test_what_runs_low_is_marked_until_it_has_recovered() -> None:
    def marked(*events: Event) -> tuple[int | None, bool]:
        row = rows(stock_level, StockReceived(SMALL, 10), StockThresholdSet(SMALL, 4), *events)[SMALL, "main"]
        return row.threshold, row.low

    ran_low = StockRanLow(SMALL, 4, 4)
    assert (marked(), marked(ran_low), marked(ran_low, StockReceived(SMALL, 0))) == ((4, False), (4, True), (4, True))
    assert marked(ran_low, StockRecovered(SMALL, 5)) == (4, False)
    assert marked(StockThresholdSet(SMALL, None)) == (None, False)


def test_stock_is_kept_apart_by_location() -> None:
    found = rows(stock_level, StockReceived(SMALL, 1), StockReceived(SMALL, 2, location="attic"))
    assert {key: row.on_hand for key, row in found.items()} == {(SMALL, "main"): 1, (SMALL, "attic"): 2}


def test_an_account_gains_and_loses_roles() -> None:
    granted = (pasts.registered, RoleGranted(ANN, "staff"), RoleGranted(ANN, "admin"))
    account = UserAccountRow(
        ANN, "ann@example.org", "Ann", ["admin", "customer", "staff"], False, False, minute(1), version=3
    )
    assert rows(user_account, *granted) == {(ANN,): account}
    assert rows(user_account, *granted, RoleRevoked(ANN, "staff"))[ANN,].roles == ["admin", "customer"]


def test_an_account_has_its_present_name_and_address_and_says_what_is_known_of_it() -> None:
    changed = (pasts.registered, UserRenamed(ANN, "Anne"), EmailVerified(ANN, "ann@example.org"))
    account = rows(user_account, *changed)[ANN,]
    assert (account.name, account.verified, account.suspended) == ("Anne", True, False)
    moved = rows(user_account, *changed, EmailChanged(ANN, "anne@example.org"), UserSuspended(ANN, "a chargeback"))
    account = moved[ANN,]
    assert (account.email, account.verified, account.suspended, account.version) == ("anne@example.org", False, True, 5)


@pytest.mark.parametrize(
    "projection", [each for each in PROJECTIONS if not each.journal], ids=lambda projection: projection.name
)
def test_a_fact_about_something_never_begun_makes_no_row(projection: Projection[Any]) -> None:
    """Two projections of one stream kind may stand at different places; none may trip over a page's first fact."""
    later: list[Event] = [
        CartCleared(CART),
        CategoryRemoved(KITCHEN),
        OrderLapsed(ORDER),
        pasts.paid[-1],
        PaymentRefunded(ORDER, PAYMENT, TOTAL, "ref", "cancelled"),
        ProductArchived(MUG),
        CouponWithdrawn("SPRING"),
        RoleGranted(ANN, "staff"),
        WishRemoved(ANN, SMALL),
    ]
    assert rows(projection, *later) == {}


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
def test_keys_are_fields_of_the_row_and_facts_are_known(projection: Projection[Any]) -> None:
    assert set(projection.key) < set(projection.row._fields)
    assert {fact.__name__ for fact in projection.facts} <= EVENT_TYPES.keys()
    assert projection.name == projection.row.__module__.removeprefix("projections.")


def test_a_listing_knows_each_value_once_and_what_is_found() -> None:
    listed = rows(
        listing,
        ProductCreated(MUG, "mug", "Mug", KITCHEN, "Holds tea", {"brand": "Acme", "vegan": True, "litres": 0.5}),
        VariantAdded(MUG, SMALL, eur(500), {"color": "red", "size": "S"}),
        VariantAdded(MUG, LARGE, eur(900), {"color": "red", "size": "L"}),
        PriceChanged(MUG, LARGE, eur(950), eur(900)),
        ProductPublished(MUG),
    )[(MUG,)]
    assert listed.tags == ["brand=Acme", "color=red", "litres=0.5", "size=L", "size=S", "vegan=true"]
    assert set(listed.words.split()) == {"Acme", "0.5", "red", "S", "L", SMALL, LARGE}
    assert (listed.status, listed.created_at) == ("active", minute(1))
    changed = rows(
        listing,
        ProductCreated(MUG, "mug", "Mug", KITCHEN, "", {"brand": "Acme"}),
        VariantAdded(MUG, SMALL, eur(500), {"color": "red"}),
        VariantChanged(MUG, SMALL, {"color": "blue"}),
        ProductDescribed(MUG, "Cup", KITCHEN, "Holds coffee"),
        ProductArchived(MUG),
    )[(MUG,)]
    assert (changed.name, changed.tags, changed.status) == ("Cup", ["color=blue"], "archived")
    assert changed.options == {SMALL: {"color": "blue"}}


def test_a_product_costs_from_and_to_in_each_currency() -> None:
    dollars = Money(700, "USD")
    prices = rows(
        listing_price,
        VariantAdded(MUG, SMALL, eur(500)),
        VariantAdded(MUG, LARGE, eur(900)),
        PriceChanged(MUG, SMALL, eur(950), eur(500)),
        PriceChanged(MUG, SMALL, dollars, None),
    )
    assert [(row.currency, row.min_minor, row.max_minor) for row in prices.values()] == [
        ("EUR", 900, 950),
        ("USD", 700, 700),
    ]


def test_an_article_is_available_as_long_as_any_unit_of_it_is_free() -> None:
    added, received = VariantAdded(MUG, SMALL, eur(500)), StockReceived(SMALL, 2)
    reserved = StockReserved(SMALL, ORDER, 2)
    stories: list[tuple[list[Event], tuple[ProductId | None, bool]]] = [
        ([added], (MUG, False)),
        ([received], (None, True)),
        ([added, received], (MUG, True)),
        ([added, received, reserved], (MUG, False)),
        ([added, received, reserved, StockReleased(SMALL, ORDER, 1, "changed my mind")], (MUG, True)),
        ([added, received, reserved, StockCommitted(SMALL, ORDER, 2)], (MUG, False)),
        ([added, received, reserved, StockReceived(SMALL, 1, location="shed")], (MUG, True)),
    ]
    for facts, told in stories:
        row = rows(availability, *facts)[(SMALL,)]
        assert (row.product_id, row.in_stock) == told


def test_lists_need_not_hear_of_units_as_long_as_some_are_left() -> None:
    assert availability.shown is not None
    some, fewer = (AvailabilityRow(SMALL, MUG, units, True) for units in (7, 6))
    none = AvailabilityRow(SMALL, MUG, 0, False)
    assert availability.shown(some) == availability.shown(fewer) != availability.shown(none)


DIVISIBLE = [(each, kind) for each in PROJECTIONS if each.stream is not None for kind in each.facts]


@pytest.mark.parametrize(
    ("projection", "kind"), DIVISIBLE, ids=lambda each: getattr(each, "name", None) or each.__name__
)
def test_rows_that_are_folded_side_by_side_are_of_one_stream_each(projection: Projection[Any], kind: type) -> None:
    event: Any = example(kind)
    [key] = projection.keys(event)
    assert [f"{projection.stream}-{part}" for part in key] == [stream_of(event)]


def test_a_changed_row_is_that_row_with_other_values() -> None:
    row = AvailabilityRow("SKU-1", ProductId("prd_1"), 3, True)
    assert changed(row, {"units": 0, "in_stock": False}) == row._replace(units=0, in_stock=False)
    assert type(changed(row, {})) is AvailabilityRow
    assert row.units == 3, "the row before is as it was"
    with pytest.raises(KeyError):
        changed(row, {"nothing": 1})
