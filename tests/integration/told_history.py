"""A year of a made-up shop as facts, for reports to be compared over: everything that reports count happens in it."""

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from events import Event
from events.cart import (
    CartCheckedOut,
    CartCleared,
    CartClosed,
    CartLineAdded,
    CartLineChanged,
    CartLineRemoved,
    CartMerged,
    CartOpened,
    MergedLine,
)
from events.category import CategoryCreated, CategoryMoved
from events.order import OrderPaid, OrderPlaced, OrderReturned, OrderShipped, Returned, Shipping
from events.payment import PaymentCaptured, PaymentRefunded
from events.product import PriceChanged, ProductCreated, ProductSlugChanged, VariantAdded
from events.stock import (
    StockAdjusted,
    StockArrived,
    StockCommitted,
    StockRanLow,
    StockReceived,
    StockRecovered,
    StockReserved,
    StockReturned,
    StockSent,
    StockWrittenOff,
)
from events.values import (
    CartId,
    CategoryId,
    Line,
    Money,
    OrderId,
    PaymentId,
    ProductId,
    RefundId,
    ReturnId,
    Sku,
    UserId,
)

Told = tuple[datetime, tuple[Event, ...]]
"""What happened in one moment."""

OPENED = datetime(2024, 12, 20, tzinfo=UTC)  # 2024-12-30 begins ISO week 2025-W01
SKUS = tuple(Sku(f"S-{n}") for n in range(6))
CATEGORIES = tuple(CategoryId(f"cat_{name}") for name in ("food", "fresh", "local", "drinks", "tea"))
PARENTS = {"cat_fresh": "cat_food", "cat_local": "cat_fresh", "cat_tea": "cat_drinks"}
CUSTOMERS = tuple(f"c{n}" for n in range(7))


def history(seed: int, moments: int = 400) -> Iterator[Told]:
    """Business time jumps about, as when shops tell of the past late."""
    chance = random.Random(seed)
    yield OPENED, tuple(_catalog())
    happenings = (_stock, _stock, _price, _cart, _cart, _cart, _cart, _checkout, _checkout, _sale, _sale, _oddity)
    numbers = itertools.count(seed * 100_000)
    for _ in range(moments):
        at = OPENED + timedelta(seconds=chance.randrange(100 * 86_400))
        happening = partial(chance.choice(happenings), chance, next(numbers))
        for events, later in happening():
            at += timedelta(hours=later)
            yield at, events


def _catalog() -> Iterator[Event]:
    for category_id in CATEGORIES:
        parent = PARENTS.get(category_id)
        name = category_id.removeprefix("cat_")
        yield CategoryCreated(category_id, name, name.title(), CategoryId(parent) if parent else None)
    for n, sku in enumerate(SKUS):
        product_id = _product(sku)
        if n % 2 == 0:  # two SKUs of each
            yield ProductCreated(product_id, f"slug-{n}", "Thing", CATEGORIES[n % len(CATEGORIES)])
        yield VariantAdded(product_id, sku, Money(100 + n, "USD"))
        yield StockReceived(sku, 500)
    for name in CUSTOMERS:
        yield CartOpened(CartId(f"cart_{name}"), UserId(f"usr_{name}"))


def _product(sku: Sku) -> ProductId:
    return ProductId(f"prd_{int(sku[2:]) // 2}")


Happening = Iterator[tuple[tuple[Event, ...], int]]


def _stock(chance: random.Random, number: int) -> Happening:
    sku, units = chance.choice(SKUS), chance.randint(1, 40)
    moves: list[tuple[Event, ...]] = [
        (StockReceived(sku, units),),
        (StockAdjusted(sku, -units, "lost"),),
        (StockSent(sku, units, "attic"), StockArrived(sku, units, "main", location="attic")),
        (StockReturned(sku, OrderId("ord_x"), units, "too big"), StockWrittenOff(sku, OrderId("ord_x"), 1, "torn")),
        (StockRanLow(sku, 2, 3),),
        (StockRecovered(sku, 9),),
    ]
    yield chance.choice(moves), 0


def _price(chance: random.Random, number: int) -> Happening:
    sku, price = chance.choice(SKUS), Money(chance.randint(1, 3_000), chance.choice(["USD", "EUR"]))
    yield (PriceChanged(_product(sku), sku, price, None),), 0


def _cart(chance: random.Random, number: int) -> Happening:
    name, sku, units = chance.choice(CUSTOMERS), chance.choice(SKUS), chance.randint(1, 5)
    cart = CartId(f"cart_{name}")
    guest = CartId(f"cart_guest{number}")
    merged = MergedLine(sku, _product(sku), units), MergedLine(chance.choice(SKUS), _product(sku), 0, left_out=2)
    moves: list[tuple[Event, ...]] = [
        (CartLineAdded(cart, sku, _product(sku), units),),
        (CartLineChanged(cart, sku, units),),
        (CartLineRemoved(cart, sku),),
        (CartCleared(cart),),
        (CartOpened(guest), CartLineAdded(guest, sku, _product(sku), units)),
        (CartLineAdded(guest, sku, _product(sku), units), CartMerged(cart, guest, merged), CartClosed(guest, cart)),
    ]
    yield chance.choice(moves), 0


def _checkout(chance: random.Random, number: int) -> Happening:
    yield from _order(chance, number, CartId(f"cart_{chance.choice(CUSTOMERS)}"))


def _sale(chance: random.Random, number: int) -> Happening:
    yield from _order(chance, number, None)


def _order(chance: random.Random, number: int, cart: CartId | None) -> Happening:
    """With postage, so that lines are not all of the money; paid at once, in two parts, too late, or never."""
    order, payment = OrderId(f"ord_{number}"), PaymentId(f"pay_{number}")
    customer = UserId(f"usr_{cart.removeprefix('cart_') if cart else chance.choice(CUSTOMERS)}")
    currency = chance.choice(["USD", "USD", "USD", "EUR"])
    lines = [_line(chance, currency) for _ in range(chance.randint(1, 4))]
    postage = Money(chance.choice([0, 499]), currency)
    shipping = Shipping("post", "By post", postage, postage, tax=postage.amount // 5) if postage.amount else None
    included = chance.random() < 0.5
    parts: list[Line | Shipping] = [*lines, shipping] if shipping else [*lines]
    total = Money(sum(part.total.amount + (0 if included else part.tax) for part in parts), currency)
    bought = OrderPlaced(order, customer, tuple(lines), total, cart, shipping=shipping, prices_include_tax=included)
    placed: tuple[Event, ...] = (bought,)
    placed += tuple(StockReserved(line.sku, order, line.quantity) for line in lines)
    yield (*placed, CartCheckedOut(cart, order)) if cart else placed, 0
    way = chance.random()
    if way < 0.15:
        return
    part = Money(chance.randint(1, total.amount), currency)
    if way < 0.3:  # too late: it is taken, and goes back
        yield (PaymentCaptured(order, payment, total, "ref"),), 1
        yield (PaymentRefunded(order, payment, total, "ref", "too late"),), 24
        return
    if way < 0.5:
        yield (PaymentCaptured(order, payment, part, "ref"),), 1
        part = total - part
    else:
        part = total
    committed = tuple(StockCommitted(line.sku, order, line.quantity) for line in lines)
    captured = (PaymentCaptured(order, payment, part, "ref"),) if part.amount else ()
    yield (*captured, OrderPaid(order, payment, total), *committed), chance.randrange(200)
    if way > 0.6:
        yield (OrderShipped(order),), chance.randrange(100)
    left = total
    while way > 0.8 and left.amount and chance.random() < 0.7:
        back = chance.choice([left, Money(chance.randint(1, left.amount), currency)])
        left -= back
        if chance.random() < 0.5 and lines:  # goods come back for it: with a part of their money, all, or more
            *lines, line = lines
            name = f"ret_{number}_{len(lines)}"
            worth = line.total.amount + (0 if included else line.tax)
            halves = [Returned(line.sku, 1, True, "main", Money(n, currency)) for n in (worth // 2, worth - worth // 2)]
            first, second = Money(back.amount // 3, currency), Money(back.amount - back.amount // 3, currency)
            yield (OrderReturned(order, ReturnId(name), tuple(halves), "too big"),), chance.randrange(50)
            named = [(RefundId(name), first), (RefundId(f"{name}.1"), second)]
            refunds = [PaymentRefunded(order, payment, part, "ref", "returned", id_) for id_, part in named]
            yield tuple(each for each in refunds if each.amount.amount), chance.randrange(500)
        else:
            yield (PaymentRefunded(order, payment, back, "ref", "sorry"),), chance.randrange(500)
    if way > 0.95:  # paid twice: what the second payment brought goes back, and is no refund of the goods
        twice = PaymentId(f"pay_{number}_again")
        yield (PaymentCaptured(order, twice, total, "ref"), PaymentRefunded(order, twice, total, "ref", "twice")), 1


def _line(chance: random.Random, currency: str) -> Line:
    sku = chance.choice(SKUS)
    price, quantity = chance.randint(1, 900), chance.randint(1, 4)
    total = Money(price * quantity, currency)
    category = chance.choice(CATEGORIES)
    return Line(sku, _product(sku), "Thing", category, quantity, Money(price, currency), total, tax=price // 5)


def _oddity(chance: random.Random, number: int) -> Happening:
    """What is called otherwise from now on, or stands elsewhere."""
    product = _product(chance.choice(SKUS))
    changes: list[Event] = [
        ProductSlugChanged(product, f"slug-new-{number}", "old"),
        CategoryMoved(CATEGORIES[2], chance.choice([CATEGORIES[3], CATEGORIES[1], None])),
    ]
    yield (chance.choice(changes),), 0
