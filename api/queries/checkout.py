"""What the cart would cost: the same computation over the same reads as placing the order, and nothing is written."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, Field

from api.carts import Cart
from api.fields import AddressField, Body, CountryField, CouponCode, Currency, Slug
from api.problems import invalid
from api.queries.routing import query_router, shown
from api.security import TOKEN_MAY_BE_SENT
from api.wiring import Shop
from commands.decider import Read
from commands.offer import Offer, Wanted, offer
from commands.rejections import OutOfStock, Shortage
from commands.reserving import reservations
from events.values import Money as Amount
from queries.order_summary import OrderLine, Shipping, order_line, shipping_of
from queries.rows import Money

router = query_router("/v1/checkout", "checkout")

_MONEY, _NOTHING = {"amount": 3_998, "currency": "USD"}, {"amount": 0, "currency": "USD"}
_QUOTE = {
    "lines": [
        {
            "sku": "MUG-S",
            "product_id": "prd_01h455vb4pex5vsknk084sn02q",
            "name": "Mug",
            "category_id": "cat_01h455vb4pex5vsknk084sn02q",
            "quantity": 2,
            "unit_price": {"amount": 1_999, "currency": "USD"},
            "discount": _NOTHING,
            "total": _MONEY,
            "tax": _NOTHING,
            "tax_ppm": 0,
        }
    ],
    "subtotal": _MONEY,
    "discount": _NOTHING,
    "shipping": None,
    "tax": _NOTHING,
    "prices_include_tax": False,
    "total": _MONEY,
    "coupon": None,
    "steps": [{"kind": "goods", "text": "2 x Mug (MUG-S) at 19.99 USD", "amount": _MONEY, "contained": False}],
    "shipping_methods": [],
    "shortages": [],
}


class Checkout(Body):
    """How the shopper wants the cart. All of it may be left out where it makes no difference."""

    ship_to: AddressField | None = None
    country: Annotated[CountryField | None, Field(description="Instead of the whole address.")] = None
    shipping_method: Annotated[Slug | None, Field(description="May be left out if there is one only.")] = None
    coupon: Annotated[CouponCode | None, Field(description="Instead of the cart's.")] = None
    currency: Annotated[Currency | None, Field(description="By default the shop's.")] = None


class Step(BaseModel):
    """Those that are not `contained` in the ones before sum to the total."""

    kind: str
    text: str
    amount: Money
    contained: bool


class MethodPrice(BaseModel):
    id: str
    name: str
    price: Money


@dataclass(frozen=True, slots=True)
class Short:
    sku: str
    requested: int
    available: int


class Quote(BaseModel):
    """`total` is what the order costs if it is placed like that: its `expected_total`. `shortages` would refuse it."""

    lines: list[OrderLine]
    subtotal: Money
    discount: Money
    shipping: Shipping | None
    tax: Money
    prices_include_tax: bool
    total: Money
    coupon: str | None
    steps: list[Step]
    shipping_methods: list[MethodPrice]
    shortages: list[Short]


@router.post("/quote", responses=shown(_QUOTE), openapi_extra=TOKEN_MAY_BE_SENT)
async def quote(body: Checkout, cart: Cart, request: Request) -> Quote:
    """What the cart costs, step by step, and by which methods it can be sent. Refused for what an order would be
    refused for, but for stock: that is only told."""
    shop: Shop = request.app.state.shop
    country = body.ship_to.country if body.ship_to else body.country
    if body.country not in (None, country):
        raise invalid("/country", "Should be that of the address.")
    wanted = Wanted(
        cart.cart_id,
        body.currency or shop.settings.currency,
        cart.customer_id,
        country,
        body.shipping_method,
        body.coupon,
        datetime.now(UTC),
    )
    found, short = await shop.handler.ask(lambda read: _offered(wanted, read))
    return _shown(found, short)


def _offered(wanted: Wanted, read: Read) -> tuple[Offer, list[Shortage]]:
    found = offer(wanted, read)
    try:
        reservations({line.sku: line.quantity for line in found.totals.lines}, read)
    except OutOfStock as refused:
        return found, list(refused.shortages)
    return found, []


def _shown(found: Offer, short: list[Shortage]) -> Quote:
    costs = found.totals
    currency = costs.total.currency
    return Quote(
        lines=[order_line(asdict(line), currency) for line in costs.lines],
        subtotal=_money(costs.subtotal),
        discount=_money(costs.discount),
        shipping=shipping_of(asdict(costs.shipping), currency) if costs.shipping else None,
        tax=_money(costs.tax),
        prices_include_tax=costs.prices_include_tax,
        total=_money(costs.total),
        coupon=found.coupon,
        steps=[
            Step(kind=step.kind, text=step.text, amount=_money(step.amount), contained=step.contained)
            for step in costs.steps
        ],
        shipping_methods=[
            MethodPrice(id=method.method_id, name=method.name, price=_money(price)) for method, price in found.methods
        ],
        shortages=[Short(each.sku, each.requested, each.available) for each in short],
    )


def _money(amount: Amount) -> Money:
    return Money(amount.amount, amount.currency)
