"""The card of a product, which the database makes, says what the row says, whatever letters are in it."""

from typing import Any

import asyncpg
import msgspec
import pytest
from pydantic import TypeAdapter

from infrastructure import migrations
from queries.product import Product

CARD = TypeAdapter(Product)
ODD = 'Ünï "quoted" \\ back/slash \n\t\x01 \u2028 😀 </script>'
INSERT = """INSERT INTO product (product_id, slug, name, description, category_id, status, attributes, variants,
        created_at, version, media) VALUES ($1, 'mug', $2, $3, 'cat_1', 'active', $4, $5, $6::text::timestamptz, 7, $7)
    RETURNING card"""
PRICE = {"amount": 1999, "currency": "EUR"}
MUG: dict[str, Any] = {"sku": ODD, "options": {"size": ODD}, "prices": [PRICE]}
WHOLE = {**MUG, "tax_class": "reduced", "weight_g": 350, "compare_at": [PRICE]}
FILLED_IN = {**MUG, "tax_class": "standard", "weight_g": None, "compare_at": []}
ATTRIBUTES = {"vegan": True, "litres": 0.5, "pieces": 3, "brand": ODD}
MEDIA = [{"url": "https://cdn.test/mug.jpg", "alt": ODD, "kind": "image"}]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        ("2026-05-01 12:00:00+00", "2026-05-01T12:00:00Z"),
        ("2026-05-01 12:00:10.5+02", "2026-05-01T10:00:10.5Z"),
        ("2026-05-01 23:59:59.000001-03", "2026-05-02T02:59:59.000001Z"),
    ],
)
async def test_a_card_says_what_the_row_says(database_url: str, at: str, shown: str) -> None:
    connection = await asyncpg.connect(database_url, server_settings={"timezone": "Asia/Tokyo", "datestyle": "German"})
    transaction = connection.transaction()
    await transaction.start()
    values = (_json(ATTRIBUTES), _json([WHOLE]), at, _json(MEDIA))
    card = msgspec.json.decode(await connection.fetchval(INSERT, "prd_card", ODD, ODD, *values))
    await transaction.rollback()
    await connection.close()
    assert card == {
        "product_id": "prd_card",
        "slug": "mug",
        "name": ODD,
        "description": ODD,
        "category_id": "cat_1",
        "status": "active",
        "attributes": ATTRIBUTES,
        "variants": [WHOLE],
        "created_at": shown,
        "version": 7,
        "media": MEDIA,
    }
    assert list(card) == list(Product.__dataclass_fields__)
    assert CARD.validate_python(card).variants[0].sku == ODD


async def test_variants_of_old_rows_are_completed(own_database_url: str) -> None:
    await migrations.downgrade(own_database_url, "0037")
    connection = await asyncpg.connect(own_database_url)
    stored = ("{}", _json([MUG, WHOLE]), "2026-05-01 12:00:00+00", "[]")
    await connection.execute(INSERT.replace("RETURNING card", ""), "prd_old", "Mug", "", *stored)
    # Replaced before products had media.
    await connection.execute("CREATE TABLE product__old AS SELECT * FROM product")
    await connection.execute("ALTER TABLE product__old DROP COLUMN media")
    await connection.close()
    await migrations.upgrade(own_database_url)
    connection = await asyncpg.connect(own_database_url)
    card = msgspec.json.decode(await connection.fetchval("SELECT card FROM product WHERE product_id = 'prd_old'"))
    assert card["variants"] == [FILLED_IN, WHOLE]
    assert msgspec.json.decode(await connection.fetchval("SELECT card FROM product__old")) == card
    variants = await connection.fetchval("SELECT variants FROM product WHERE product_id = 'prd_old'")
    await connection.close()
    assert variants == _json([FILLED_IN, WHOLE])
