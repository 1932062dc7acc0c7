"""A book of orders, carts and stock in partitions of fifty facts, sealed, and seen by all who read on in it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from commands.policy import POLICIES
from events import Event
from events.cart import CartCheckedOut, CartLineAdded, CartOpened
from events.order import OrderCancelled, OrderCompleted, OrderPlaced, OrderShipped
from events.stock import StockReceived, StockReserved
from events.store import Append, Metadata
from events.values import CartId, Money, OrderId, ProductId, Sku, UserId
from infrastructure.archive.creating import Made, create
from infrastructure.archive.judging import Checked
from infrastructure.archive.restoring import restore
from infrastructure.database import open_pool
from projections import PROJECTIONS
from tests.integration.book import open_store
from tests.integration.sealed_book import KEYRING, SealedBook

PART, SEAL_FACTS = 50, 16
FIRST = "SELECT stream FROM facts WHERE stream LIKE $1 || '-%' ORDER BY position LIMIT 1"
STRANGE = 'tab\t line\n back\\slash \\N \r ∞ 🫖 "q" {0} \x7f'


class ArchivedBook(SealedBook):
    """`directory` is where its archives go."""

    directory: Path
    orders = 0

    async def live(self, orders: int) -> None:
        """Each order lives for eight facts: a cart is filled and ordered, and the goods are reserved and sent."""
        for _ in range(orders):
            self.orders += 1
            await self.store.append(Append(life(f"{self.orders:04}"), metadata=Metadata(actor=STRANGE)))

    async def settle(self) -> None:
        """Everything is sealed, and all read tables and reactions are at the head."""
        await self.sealer(seal_facts=SEAL_FACTS).catch_up()
        await self.pass_by()

    async def pass_by(self) -> None:
        names = [*(projection.name for projection in PROJECTIONS), *POLICIES]
        await self.admin.execute(
            """INSERT INTO projections (name, position) SELECT unnest($1::text[]), (SELECT position FROM head)
               ON CONFLICT (name) DO UPDATE SET position = excluded.position""",
            names,
        )

    async def archive(self, **options: Any) -> list[Made]:
        return [made async for made in create(self.url, KEYRING, self.directory, **options)]

    async def restore(self, made: Made) -> Checked:
        return await self.restore_file(made.path)

    async def restore_file(self, path: Path) -> Checked:
        return await restore(self.url, KEYRING, path)

    async def first(self, category: str) -> str:
        """The identity in the first stream of this category."""
        stream: str = await self.pool.fetchval(FIRST, category)
        return stream.removeprefix(f"{category}-")

    async def dump(self) -> list[str]:
        """Every fact with all that it is, but for those that tell of archives."""
        rows = await self.pool.fetch("SELECT f::text FROM facts f WHERE stream NOT LIKE 'archive-%' ORDER BY position")
        return [row[0] for row in rows]


def life(name: str) -> Sequence[Event]:
    cart, order, sku = CartId(f"cart_{name}"), OrderId(f"ord_{name}"), Sku("TEA")
    return [
        CartOpened(cart),
        CartLineAdded(cart, sku, ProductId("prd_tea"), 1),
        StockReceived(sku, 1, STRANGE),
        CartCheckedOut(cart, order),
        OrderPlaced(order, UserId("usr_ann"), (), Money(500, "EUR")),
        StockReserved(sku, order, 1),
        OrderShipped(order, STRANGE),
        OrderCancelled(order, "") if name.endswith("5") else OrderCompleted(order),
    ]


@asynccontextmanager
async def open_archived_book(url: str, directory: Path, *, orders: int = 40) -> AsyncIterator[ArchivedBook]:
    """In a fresh database; its triggers are off."""
    admin = await asyncpg.connect(url)
    await admin.execute(
        f"""ALTER TABLE facts DETACH PARTITION facts_from_1; DROP TABLE facts_from_1;
            UPDATE head SET room_to = 0, room_per_table = {PART}; SELECT add_partition();
            ALTER TABLE facts DISABLE TRIGGER USER; ALTER TABLE seals DISABLE TRIGGER USER"""
    )
    try:
        async with open_store(url) as store, open_pool(url, 4) as pool:
            book = ArchivedBook(url, pool, store, admin)
            book.directory = directory
            await book.live(orders)
            await book.settle()
            yield book
    finally:
        await admin.close()
