"""The routers of the write side: each endpoint takes a command, hands it over, answers."""

from api.commands import auth, cart, catalog, catalog_import, categories, operations, orders, prices, stock

ROUTERS = (
    auth.router,
    catalog.router,
    catalog_import.router,
    categories.router,
    prices.router,
    stock.router,
    cart.router,
    orders.router,
    operations.router,
)
