"""Read models as folds: facts in, rows out. Nothing in here knows a database."""

from typing import Any

from projections.availability import availability
from projections.cart import cart
from projections.category import category
from projections.listing import listing
from projections.listing_price import listing_price
from projections.order_summary import order_summary
from projections.price_schedule import price_schedule
from projections.product import product
from projections.product_link import product_link
from projections.projection import Projection
from projections.sale import sale
from projections.sale_line import sale_line
from projections.stock_level import stock_level
from projections.user_account import user_account
from projections.wishlist import wishlist

PROJECTIONS: tuple[Projection[Any], ...] = (
    availability,
    cart,
    category,
    listing,
    listing_price,
    order_summary,
    price_schedule,
    product,
    product_link,
    sale,
    sale_line,
    stock_level,
    user_account,
    wishlist,
)
