"""Read models as folds: facts in, rows out. Nothing in here knows a database."""

from typing import Any

from projections.availability import availability
from projections.cart import cart
from projections.cart_entry import cart_entry
from projections.catalog_entry import catalog_entry
from projections.category import category
from projections.coupon import coupon
from projections.listing import listing
from projections.listing_price import listing_price
from projections.money_entry import money_entry
from projections.order_summary import order_summary
from projections.paper import paper
from projections.price_entry import price_entry
from projections.price_schedule import price_schedule
from projections.product import product
from projections.product_link import product_link
from projections.projection import Projection
from projections.return_line import return_line
from projections.sale import sale
from projections.sale_line import sale_line
from projections.stock_entry import stock_entry
from projections.stock_level import stock_level
from projections.user_account import user_account
from projections.wishlist import wishlist

PROJECTIONS: tuple[Projection[Any], ...] = (
    availability,
    cart,
    cart_entry,
    catalog_entry,
    category,
    coupon,
    listing,
    listing_price,
    money_entry,
    order_summary,
    paper,
    price_entry,
    price_schedule,
    product,
    product_link,
    return_line,
    sale,
    sale_line,
    stock_entry,
    stock_level,
    user_account,
    wishlist,
)
