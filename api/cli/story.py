"""The story that `daybook demo` tells: goods come in, a shopper wants too much, then orders, pays and is served."""

import asyncio
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from api.cli.outcome import Refused
from api.cli.output import errors, say
from api.cli.telling import tell
from api.demo_shop import fill_if_empty
from api.progress import caught_up
from api.wiring import Shop
from commands import Command
from commands.cart import MAX_QUANTITY, AddToCart, ChangeCartLine, ClearCart
from commands.checkout import PlaceOrder, wanted
from commands.handler import Done
from commands.offer import offer
from commands.order import Status, orders
from commands.order_life import CompleteOrder, ShipOrder
from commands.payment import PayOrder
from commands.product import products
from commands.rejections import OutOfStock
from commands.shipping import all_zones
from commands.stock import ReceiveStock, Stock, stocks
from commands.user import RegisterUser
from events.product import ProductPublished
from events.store import Metadata
from events.values import DEFAULT_LOCATION, Address, CartId, OrderId, PaymentId, Sku, UserId
from infrastructure.ids import made_id, new_id

_ONCE = datetime(2026, 1, 1, tzinfo=UTC)
DORA, CART = UserId(made_id("usr", _ONCE, "demo shopper")), CartId(made_id("cart", _ONCE, "demo shopper"))
CLERK = "demo clerk"
ADDRESS = Address("Dora Demo", "Long Lane 1", "Springfield", "12345", "US")
DELIVERED, WANTED = 5, 2
PAID_WITHIN_S = READ_WITHIN_S = 20


@dataclass(frozen=True, slots=True)
class Article:
    sku: Sku
    name: str


@dataclass(frozen=True, slots=True)
class Story:
    """Everything in it hangs together by its correlation id."""

    shop: Shop
    correlation_id: str = field(default_factory=lambda: new_id("req"))

    async def do(self, actor: str, *commands: Command) -> Done:
        metadata = Metadata(actor, type(commands[-1]).__name__, self.correlation_id, request_id=self.correlation_id)
        return await self.shop.handler(*commands, metadata=metadata)

    async def stock(self, article: Article) -> Stock:
        return await self.shop.handler.read(stocks(article.sku, DEFAULT_LOCATION))


async def told(shop: Shop) -> OrderId:
    """Every telling places a new order, so it may be told again and again."""
    with errors().status("Filling an empty shop with some weeks of a grocer's sales"):
        await fill_if_empty(shop)
    story, article = Story(shop), await _on_sale(shop)
    await _fill_cart(story, article)
    await _want_too_much(story, article)
    order_id = await _order(story)
    await _pay(story, order_id)
    await _deliver(story, order_id)
    say("\nThe order's life, told from its facts:", "bold")
    tell(await shop.store.read([orders(order_id).stream]))
    stock = await story.stock(article)
    say(f"\nOf {article.name} there are {stock.on_hand:,} units left, {stock.reserved:,} of them reserved.")
    await caught_up(shop, READ_WITHIN_S)  # and then the API shows it too
    return order_id


async def _on_sale(shop: Shop) -> Article:
    """Raises Refused."""
    for fact in await shop.store.read_all(0, limit=100, types=[ProductPublished.__name__]):
        assert isinstance(fact.event, ProductPublished)
        product = await shop.handler.read(products(fact.event.product_id))
        for sku, variant in product.variants.items():
            if product.status == "ACTIVE" and shop.settings.currency in variant.prices:
                return Article(sku, product.name)
    raise Refused("nothing is on sale here: try `daybook demo --throwaway`")


async def _fill_cart(story: Story, article: Article) -> None:
    await story.do(CLERK, ReceiveStock(article.sku, DELIVERED, "demo delivery"))
    say(f"  A clerk books in {DELIVERED} x {article.name} ({article.sku}).")
    await story.do(DORA, RegisterUser(DORA, "dora@example.com", "Dora"), ClearCart(CART))
    await story.do(DORA, AddToCart(CART, article.sku, WANTED, DORA))
    say(f"  Dora puts {WANTED} of them into her cart.")


async def _want_too_much(story: Story, article: Article) -> None:
    """The cart takes any wish; the order is where stock is promised."""
    await story.do(DORA, ChangeCartLine(CART, article.sku, MAX_QUANTITY))
    try:
        await story.do(DORA, await _placing(story, OrderId(new_id("ord"))))
    except OutOfStock as refusal:
        say(f"  She tries to order {MAX_QUANTITY:,}: {refusal.detail} Nothing is written down.")
    await story.do(DORA, ChangeCartLine(CART, article.sku, WANTED))


async def _order(story: Story) -> OrderId:
    order_id = OrderId(new_id("ord"))
    placing = await _placing(story, order_id)
    costs = (await story.shop.handler.ask(lambda read: offer(wanted(placing), read))).totals
    say("  A quote shows her every step:")
    for step in costs.steps:
        say(f"    {step.text:<60} {step.amount!s:>14}{' (in the prices)' if step.contained else ''}")
    await story.do(DORA, replace(placing, expected_total=costs.total))
    say(f"  She orders {WANTED}: {order_id} for {costs.total}. Order and reservation are one transaction.")
    return order_id


async def _placing(story: Story, order_id: OrderId) -> PlaceOrder:
    """By the first method there is, whatever shop this is told in."""
    settings, now = story.shop.settings, datetime.now(UTC)
    zone = (await story.shop.handler.read(all_zones)).of(ADDRESS.country)
    method = zone.methods[0].method_id if zone else None
    lapses_at = now + timedelta(minutes=settings.reservation_minutes)
    return PlaceOrder(
        order_id, DORA, CART, settings.currency, lapses_at, ship_to=ADDRESS, shipping_method=method, now=now
    )


async def _pay(story: Story, order_id: OrderId) -> None:
    """Raises Refused if the policy that asks the gateway does not answer."""
    await story.do(DORA, PayOrder(order_id, PaymentId(new_id("pay")), "tok_approve"))
    deadline = time.monotonic() + PAID_WITHIN_S
    while (await story.shop.handler.read(orders(order_id))).status is not Status.PAID:
        if time.monotonic() > deadline:
            raise Refused(f"{order_id} was not paid in {PAID_WITHIN_S} s: is a worker stuck?")
        await asyncio.sleep(0.05)
    say("  She pays, and the policy has the sandbox gateway take the money.")


async def _deliver(story: Story, order_id: OrderId) -> None:
    await story.do(CLERK, ShipOrder(order_id, "DHL", "JD014600003"))
    say("  The clerk ships it: what was reserved is sold.")
    await story.do(CLERK, CompleteOrder(order_id))
    say("  Dora has it, and the order is complete.")
