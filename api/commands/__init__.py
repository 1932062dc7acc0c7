"""The routers of the write side: each endpoint takes a command, hands it over, answers."""

from api.commands import auth, cart, catalog, operations, orders, stock, wishlist

ROUTERS = (auth.router, catalog.router, stock.router, cart.router, wishlist.router, orders.router, operations.router)
