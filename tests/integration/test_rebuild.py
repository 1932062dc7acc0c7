"""Read tables can be thrown away: folded anew from the first fact they come out the same, row for row."""

import contextlib
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.progress import caught_up
from api.wiring import Shop, open_shop
from commands import Command
from commands.cart import AddToCart, ChangeCartLine, ClearCart, MergeCarts, RemoveFromCart
from commands.cart_coupon import RemoveCartCoupon, SetCartCoupon
from commands.category import CreateCategory, DeclareAttributes, MoveCategory, RemoveCategory, RenameCategory
from commands.checkout import PlaceOrder
from commands.coupon import ChangeCoupon, CreateCoupon, WithdrawCoupon
from commands.location import OpenLocation
from commands.order import Status, orders
from commands.order_life import CancelOrder, CompleteOrder, ShipOrder, Units
from commands.payment import PayOrder, RefundOrder
from commands.policy import POLICIES
from commands.pricing import CancelPriceSchedule, KeepPriceSchedule, SchedulePrice
from commands.product import (
    ArchiveProduct,
    ChangeSlug,
    CreateProduct,
    DescribeProduct,
    PublishProduct,
    UnpublishProduct,
)
from commands.rejections import Rejected
from commands.returning import Back, ReturnOrder
from commands.stock import AdjustStock, ReceiveStock, SetThreshold, TransferStock
from commands.user import GrantRole, RegisterUser, RevokeRole
from commands.variant import AddVariant, ChangePrice, ChangeVariant
from commands.wishlist import AddWish, MoveWishToCart, RemoveWish
from events.coupon import CouponKind, CouponTerms
from events.values import (
    Address,
    Attribute,
    CartId,
    CategoryId,
    Money,
    OrderId,
    PaymentId,
    ProductId,
    RefundId,
    ReturnId,
    Sku,
    UserId,
)
from infrastructure.projector import Projector
from infrastructure.read_table import ReadTable
from infrastructure.settings import Settings
from projections import PROJECTIONS
from projections.projection import Key, Projection
from tests.e2e.shop_client import settings_for
from tests.waiting import eventually

OPERATIONS = 900
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def settings(database_url: str, redis_url: str, key_prefix: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_for(database_url, redis_url, key_prefix, tmp_path_factory.mktemp("data"))


def _commands(chance: random.Random, lapses_at: datetime) -> list[Command]:
    """Things that may happen in a small shop, sensible or not."""
    n = chance.randrange(6)
    category, product, sku = CategoryId(f"cat_{n % 3}"), ProductId(f"prd_{n}"), Sku(f"SKU-{n}")
    user, cart = UserId(f"usr_{n % 4}"), CartId(f"cart_{n % 4}")
    order = OrderId(f"ord_{chance.randrange(25)}")
    payment = PaymentId(f"pay_{order}_{chance.randrange(3)}")
    price = Money(chance.randrange(1, 5_000), chance.choice(["USD", "EUR"]))
    home = Address("Ann", "Street 1", "Berlin", "10115", "DE")
    return [
        CreateCategory(category, f"category-{n}", "A category", CategoryId("cat_0") if n % 3 else None),
        RenameCategory(category, f"Name {chance.random()}"),
        RemoveCategory(CategoryId("cat_2")),
        CreateProduct(product, f"product-{n}", "A product", CategoryId("cat_0"), "Good.", {"size": n, "new": True}),
        DescribeProduct(product, f"Name {n}", description=f"{chance.random()}"),
        AddVariant(product, sku, price, {"colour": "red"}),
        ChangeVariant(sku, {"colour": chance.choice(["red", "blue"])}),
        ChangePrice(sku, price),
        SchedulePrice(
            sku, f"psc_{n}", price, lapses_at, lapses_at + timedelta(hours=1), lapses_at - timedelta(hours=1)
        ),
        *(KeepPriceSchedule(product, sku, f"psc_{n}", lapses_at + timedelta(hours=hours)) for hours in (0, 1)),
        CancelPriceSchedule(sku, f"psc_{n}"),
        ChangeSlug(product, f"product-{n}-{chance.randrange(3)}"),
        MoveCategory(CategoryId("cat_1"), chance.choice([None, CategoryId("cat_0")])),
        DeclareAttributes(CategoryId("cat_1"), (Attribute("size", chance.choice(["text", "number"])),)),
        PublishProduct(product),
        UnpublishProduct(ProductId("prd_4")),
        ArchiveProduct(ProductId("prd_5")),
        ReceiveStock(sku, chance.randrange(1, 30), "delivery"),
        AdjustStock(sku, chance.randrange(-3, 3), "count"),
        OpenLocation("attic"),
        TransferStock(sku, chance.randrange(1, 5), "main", "attic"),
        SetThreshold(sku, chance.choice([None, 5, 50])),
        RegisterUser(user, f"{user}@example.com", "Ann"),
        GrantRole(user, "staff"),
        RevokeRole(user, "staff"),
        *[AddToCart(cart, sku, chance.randrange(1, 4), user)] * 4,
        ChangeCartLine(cart, sku, chance.randrange(0, 5)),
        RemoveFromCart(cart, sku),
        ClearCart(CartId("cart_3")),
        MergeCarts(CartId(f"cart_{(n + 1) % 4}"), user),
        AddWish(user, sku),
        RemoveWish(user, sku),
        MoveWishToCart(user, sku),
        CreateCoupon(f"C{n}", CouponTerms(CouponKind.PERCENT, 1_000 + n, limit_per_customer=n or None)),
        ChangeCoupon(f"C{n}", {"limit": n + 1}),
        WithdrawCoupon("C3"),
        SetCartCoupon(cart, f"C{n}", price.currency, lapses_at, user),
        RemoveCartCoupon(cart),
        *[PlaceOrder(order, user, cart, price.currency, lapses_at, ship_to=home)] * 4,
        *[PlaceOrder(order, user, cart, price.currency, lapses_at, coupon=chance.choice([None, f"C{n}"]))] * 4,
        *[PayOrder(order, payment, chance.choice(["tok_approve", "tok_decline"]))] * 8,
        *[ShipOrder(order, "DHL", "123")] * 2,
        ShipOrder(order, "UPS", "4", (Units(sku, 1),)),
        ReturnOrder(order, ReturnId("ret_1"), (Back(sku, 1, chance.random() < 0.5),), "broken"),
        CompleteOrder(order),
        *[CancelOrder(order, "no")] * 4,
        *[RefundOrder(order, RefundId(f"ref_{chance.randrange(60)}"), "broken")] * 4,
    ]


def _opening() -> list[Command]:
    """Enough for orders to come about."""
    commands: list[Command] = [CreateCategory(CategoryId("cat_0"), "category-0", "A category")]
    for n in range(5):
        product, sku = ProductId(f"prd_{n}"), Sku(f"SKU-{n}")
        commands += [
            CreateProduct(product, f"product-{n}", "A product", CategoryId("cat_0")),
            AddVariant(product, sku, Money(100 + n, "USD")),
            ChangePrice(sku, Money(90 + n, "EUR")),
            PublishProduct(product),
            ReceiveStock(sku, 100),
        ]
    now = datetime.now(UTC)
    return [*commands, SchedulePrice(Sku("SKU-4"), "psc_opening", Money(50, "USD"), now + timedelta(days=1), None, now)]


async def _live(shop: Shop) -> None:
    for command in _opening():
        await shop.handler(command)
    await _brought_back(shop)
    chance, lapses_at = random.Random(11), datetime.now(UTC) + timedelta(hours=1)
    for _ in range(OPERATIONS):
        with contextlib.suppress(Rejected):
            await shop.handler(chance.choice(_commands(chance, lapses_at)))
    assert await caught_up(shop, 10)


async def _brought_back(shop: Shop) -> None:
    """What chance may leave out: an order that comes back."""
    order, sku, cart = OrderId("ord_kept"), Sku("SKU-0"), CartId("cart_kept")
    soon = datetime.now(UTC) + timedelta(hours=1)
    await shop.handler(AddToCart(cart, sku, 2))
    await shop.handler(PlaceOrder(order, UserId("usr_0"), cart, "USD", soon))
    await shop.handler(PayOrder(order, PaymentId("pay_kept"), "tok_approve"))
    await eventually(lambda: _is_paid(shop, order))
    await shop.handler(ShipOrder(order, "DHL", "1"))
    await shop.handler(ReturnOrder(order, ReturnId("ret_kept"), (Back(sku, 1, True),), "too many"))


async def _is_paid(shop: Shop, order: OrderId) -> bool:
    return (await shop.handler.read(orders(order))).status is Status.PAID


async def _rows(shop: Shop) -> dict[str, list[Any]]:
    return {
        projection.name: await shop.pool.fetch(f"SELECT t::text FROM {projection.name} AS t ORDER BY 1")
        for projection in PROJECTIONS
    }


async def _thrown_away(shop: Shop) -> None:
    await shop.pool.execute(f"TRUNCATE {', '.join(projection.name for projection in PROJECTIONS)}")
    await shop.pool.execute("UPDATE projections SET position = 0 WHERE name <> ALL ($1)", POLICIES)


async def _caught_up(shop: Shop, page_facts: int = 1_000) -> None:
    engine = Projector(shop.pool, shop.store, shop.positions, PROJECTIONS, owner="rebuild", page_facts=page_facts)
    await engine.catch_up()


async def _folded(shop: Shop, projection: Projection[Any]) -> dict[Key, Any]:
    rows: dict[Key, Any] = {}
    for fact in await shop.store.read_all(0, limit=100_000):
        if type(fact.event) in projection.facts:
            for key in projection.touched(fact):
                row = projection.evolve(rows.get(key), fact, key)
                rows.pop(key, None)
                if row is not None:
                    rows[key] = row
    return rows


async def test_rebuilt_tables_equal_the_live_ones_and_a_plain_fold(settings: Settings) -> None:
    async with open_shop(settings, workers=True) as shop:
        await _live(shop)
    async with open_shop(settings) as shop:
        await _caught_up(shop)
        live = await _rows(shop)
        assert not [name for name, rows in live.items() if not rows]
        assert {"REFUNDED" in row["t"] for row in live["order_summary"]} == {False, True}
        for page_facts in (1_000, 7):
            await _thrown_away(shop)
            await _caught_up(shop, page_facts)
            assert await _rows(shop) == live
        async with shop.pool.acquire() as connection:
            for projection in PROJECTIONS:
                folded = await _folded(shop, projection)
                table = await ReadTable.open(shop.pool, projection)
                assert await table.fetch(connection, folded.keys()) == folded
                assert len(live[projection.name]) == len(folded)
