"""The routers of the write side: each endpoint takes a command, hands it over, answers."""

from api.commands import (
    auth,
    cart,
    catalog,
    catalog_import,
    categories,
    operations,
    orders,
    prices,
    stock,
    wishlist,
)

# Routes are tried one after the other: what shoppers do most comes first.
ROUTERS = (
    cart.router,
    orders.router,
    wishlist.router,
    auth.router,
    catalog.router,
    catalog_import.router,
    categories.router,
    prices.router,
    stock.router,
    operations.router,
)
