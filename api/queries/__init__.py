"""The routers of the read side: each endpoint asks the read tables, or the book itself."""

from api.queries import (
    admin,
    audit,
    cart,
    catalog,
    catalog_export,
    events,
    listing,
    locations,
    me,
    orders,
    prices,
    reports,
    stock,
    wishlist,
)

ROUTERS = (
    listing.router,
    catalog_export.router,  # before the catalog, where `export` would be a slug
    catalog.router,
    prices.router,
    stock.router,
    locations.router,
    cart.router,
    wishlist.router,
    orders.router,
    me.router,
    reports.router,
    events.router,
    audit.router,
    admin.router,
)
