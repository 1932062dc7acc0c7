"""What else is asked of a shop: every command about the lines of a cart, the catalog, the terms of sale and people."""

from datetime import timedelta

from commands import Command
from commands.address_book import AddAddress, ChangeAddress, RemoveAddress
from commands.cart import ChangeCartLine, ClearCart, RemoveFromCart
from commands.cart_coupon import RemoveCartCoupon
from commands.catalog_row import PutCatalogRow
from commands.category import CreateCategory, DeclareAttributes, MoveCategory, RemoveCategory, RenameCategory
from commands.coupon import ChangeCoupon, CreateCoupon, WithdrawCoupon
from commands.location import BeginClosing, EndClosing, OpenLocation
from commands.mail import RecordMail
from commands.operations import SkipFact
from commands.paper import HandOut
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
from commands.session import EndSession, RecordRefusal, RecordRegistration, RecordReuse, RecordSignIn
from commands.shipping import RemoveShippingZone, SetShippingZone
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
from commands.wishlist import AddWish, RemoveWish
from events.values import Attribute, Money, UserId
from tests.properties.asked_trade import CARTS, CATEGORIES, CODES, LOCATIONS, ORDERS, PRODUCTS, SKUS
from tests.unit.pasts import ANN, HOME, KITCHEN, LATER, MUG, NOON, SMALL, STANDARD, eur, vat

BESIDES: list[Command] = [
    *(ChangeCartLine(cart, sku, units) for cart in CARTS for sku in SKUS for units in (-1, 0, 2)),
    *(RemoveFromCart(cart, SMALL) for cart in CARTS),
    *(ClearCart(cart) for cart in CARTS),
    *(RemoveCartCoupon(cart) for cart in CARTS),
    *(CreateCoupon(code, terms) for code, terms in CODES.items()),
    *(ChangeCoupon("SPRING", {"limit": limit}) for limit in (0, 1, None)),
    *(WithdrawCoupon(code) for code in CODES),
    *(SetTaxes("DE", contained, vat.rates) for contained in (True, False)),
    RemoveTaxes("DE"),
    *(SetShippingZone(zone, "Zone", ("DE",), (STANDARD,)) for zone in "ab"),
    *(RemoveShippingZone(zone) for zone in "ab"),
    *(kind(location) for location in LOCATIONS for kind in (OpenLocation, BeginClosing)),
    *(EndClosing(location, units) for location in LOCATIONS for units in (0, 1)),
    *(kind(ANN, sku) for sku in SKUS for kind in (AddWish, AddWish, RemoveWish)),
    *(CreateCategory(id_, slug, "Name", parent) for id_ in CATEGORIES for slug in "ab" for parent in (None, KITCHEN)),
    *(RenameCategory(id_, "Other name") for id_ in CATEGORIES),
    *(RemoveCategory(id_) for id_ in CATEGORIES),
    *(MoveCategory(id_, parent) for id_ in CATEGORIES for parent in (None, *CATEGORIES)),
    *(DeclareAttributes(id_, declared) for id_ in CATEGORIES for declared in ((), (Attribute("size", "number"),))),
    *(CreateProduct(id_, slug, "Name", KITCHEN) for id_ in PRODUCTS for slug in "ab"),
    *(DescribeProduct(id_, category_id=category_id) for id_ in PRODUCTS for category_id in CATEGORIES),
    *(DescribeProduct(id_, attributes={"size": size}) for id_ in PRODUCTS for size in (4, "four")),
    *(ChangeSlug(id_, slug) for id_ in PRODUCTS for slug in "abc"),
    *(AddVariant(id_, sku, eur(7)) for id_ in PRODUCTS for sku in SKUS),
    *(ChangeVariant(sku, {"size": "new"}) for sku in SKUS),
    *(ChangePrice(sku, Money(9, currency)) for sku in SKUS for currency in ("EUR", "USD")),
    *(kind(id_) for id_ in PRODUCTS for kind in (PublishProduct, PublishProduct, UnpublishProduct, ArchiveProduct)),
    *(SchedulePrice(SMALL, name, eur(5), NOON, end, NOON - timedelta(1)) for name in "ab" for end in (None, LATER)),
    *(KeepPriceSchedule(MUG, SMALL, name, now) for name in "ab" for now in (NOON, LATER)),
    *(
        PutCatalogRow(id_, slug, "Row", None, CATEGORIES[0], status, sku=sku, price=price)
        for id_ in PRODUCTS
        for slug in ("a", None)
        for status in ("active", "draft")
        for sku, price in ((None, None), (SMALL, eur(6)), (SKUS[2], eur(6)))
    ),
    *(CancelPriceSchedule(SMALL, name) for name in "ab"),
    *(RegisterUser(user, "who@example.org") for user in (ANN, UserId("usr_bob"))),
    *(RenameUser(ANN, name) for name in ("Ann", "Anne")),
    *(kind(ANN, address) for kind in (ChangeEmail, VerifyEmail) for address in ("a@example.org", "b@example.org")),
    SuspendUser(ANN, "a chargeback"),
    ReinstateUser(ANN),
    RecordPasswordChange(ANN, "changed"),
    *(kind(ANN, id_, HOME) for kind in (AddAddress, ChangeAddress) for id_ in ("adr_1", "adr_2")),
    *(RemoveAddress(ANN, id_) for id_ in ("adr_1", "adr_2")),
    *(RecordSignIn(id_, ANN) for id_ in ("ses_1", "ses_2")),
    *(RecordReuse(id_, ANN) for id_ in ("ses_1", "ses_2")),
    *(EndSession(id_, ANN, "logged_out") for id_ in ("ses_1", "ses_2")),
    RecordRefusal(ANN),
    RecordRegistration(ANN),
    ForgetSubject(UserId("usr_bob"), "asked"),
    *(kind(ANN, STAFF) for kind in (GrantRole, RevokeRole)),
    *(RecordMail(order, mail, "order_paid", "ann@example.org") for order in ORDERS for mail in "ab"),
    *(HandOut(number) for number in ("INV-2026-000001", "CN-2026-000001")),
    *(SkipFact("sale", key, 7, "a typing error") for key in "ab"),
]
