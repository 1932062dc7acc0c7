"""Commands, the rules that decide them, and the policies that react to facts. Needs nothing but Python."""

from typing import Any, get_args

from commands import (
    address_book,
    cart,
    cart_coupon,
    catalog_row,
    category,
    checkout,
    claim,
    coupon,
    location,
    mail,
    operations,
    order,
    order_life,
    paper,
    payment,
    pricing,
    privacy,
    product,
    returning,
    session,
    settlement,
    shipping,
    stock,
    tax,
    user,
    wishlist,
)
from commands.address_book import AddressBookCommand
from commands.cart import CartCommand
from commands.cart_coupon import CartCouponCommand
from commands.catalog_row import PutCatalogRow
from commands.category import CategoryCommand
from commands.checkout import CheckoutCommand
from commands.coupon import CouponCommand
from commands.decider import Decide, Fold
from commands.location import LocationCommand
from commands.mail import MailCommand
from commands.operations import OperationsCommand
from commands.order_life import OrderLifeCommand
from commands.paper import PaperCommand
from commands.payment import PaymentCommand
from commands.pricing import PricingCommand
from commands.privacy import PrivacyCommand
from commands.product import ProductCommand
from commands.returning import ReturnOrder
from commands.session import RefusalCommand, SessionCommand
from commands.settlement import SettlementCommand
from commands.shipping import ShippingCommand
from commands.stock import StockCommand
from commands.tax import TaxCommand
from commands.user import UserCommand
from commands.wishlist import WishlistCommand

Command = (
    AddressBookCommand
    | CartCommand
    | CartCouponCommand
    | CategoryCommand
    | CheckoutCommand
    | CouponCommand
    | LocationCommand
    | MailCommand
    | OperationsCommand
    | OrderLifeCommand
    | PaperCommand
    | PaymentCommand
    | PricingCommand
    | PrivacyCommand
    | ProductCommand
    | PutCatalogRow
    | ReturnOrder
    | SettlementCommand
    | RefusalCommand
    | SessionCommand
    | ShippingCommand
    | StockCommand
    | TaxCommand
    | UserCommand
    | WishlistCommand
)

DECIDERS: dict[type, Decide] = {
    command: decide
    for commands, decide in (
        (AddressBookCommand, address_book.decide),
        (CartCommand, cart.decide),
        (CartCouponCommand, cart_coupon.decide),
        (CategoryCommand, category.decide),
        (CheckoutCommand, checkout.decide),
        (CouponCommand, coupon.decide),
        (LocationCommand, location.decide),
        (MailCommand, mail.decide),
        (OperationsCommand, operations.decide),
        (OrderLifeCommand, order_life.decide),
        (PaperCommand, paper.decide),
        (PaymentCommand, payment.decide),
        (PricingCommand, pricing.decide),
        (PrivacyCommand, privacy.decide),
        (ProductCommand, product.decide),
        (PutCatalogRow, catalog_row.decide),
        (ReturnOrder, returning.decide),
        (SettlementCommand, settlement.decide),
        (RefusalCommand, session.decide_refusal),
        (SessionCommand, session.decide),
        (ShippingCommand, shipping.decide),
        (StockCommand, stock.decide),
        (TaxCommand, tax.decide),
        (UserCommand, user.decide),
        (WishlistCommand, wishlist.decide),
    )
    for command in get_args(commands) or (commands,)
}
"""Which rules decide a command."""

FOLDS: dict[str, Fold[Any]] = {
    fold.category: fold
    for fold in (
        address_book.address_books,
        cart.carts,
        category.categories,
        claim.claims,
        coupon.coupons,
        coupon.coupon_uses,
        location.all_locations.fold,
        mail.mails,
        operations.skips,
        order.orders,
        paper.credit_notes,
        paper.invoices,
        paper.papers,
        privacy.persons,
        product.products,
        session.refusals,
        session.sessions,
        shipping.all_zones.fold,
        stock.stocks,
        tax.all_taxes.fold,
        user.users,
        wishlist.wishlists,
    )
}
"""How the facts of each category of streams become a state."""
