"""A shelf to look for things on: five products that differ in all that lists can be asked about."""

import secrets
from dataclasses import dataclass
from typing import Any

from tests.e2e.shop_client import ShopClient, created


@dataclass(frozen=True, slots=True)
class Shelf:
    """Five products under one category, told apart by the letters a to e."""

    top: str
    ids: dict[str, str]
    client: ShopClient

    def letters(self, answer: Any) -> str:
        names = {product_id: letter for letter, product_id in self.ids.items()}
        return "".join(names[each["product_id"]] for each in answer.json()["data"])

    async def found(self, **params: str) -> str:
        answer = await self.client.guest().get("/v1/products", **{"filter[category]": self.top, **params})
        assert answer.status_code == 200, answer.text
        return self.letters(answer)


async def filled_shelf(shop_client: ShopClient) -> Shelf:
    top = await shop_client.category(f"shelf-{secrets.token_hex(3)}")
    below = await shop_client.category(f"{top[-6:]}-mugs", top)
    ids = {
        "a": await _product(shop_client, top, "Crème mug", {"brand": "Acme"}, [("red", 500), ("blue", 900)], 3),
        "b": await _product(shop_client, below, "Green tea mug", {"brand": "Bolt"}, [("green", 700)], 0),
        "c": await _product(shop_client, below, "Running shoes", {"brand": "Acme", "vegan": True}, [("red", 9_000)], 1),
        "d": await _product(shop_client, top, "Teapot", {"brand": "Bolt"}, [("blue", 2_500)], 5, "Goes with a mug."),
        "e": await _product(shop_client, top, "Äpfel", {}, [("red", 100)], 2),
    }
    return Shelf(top, ids, shop_client)


async def _product(
    client: ShopClient,
    category_id: str,
    name: str,
    attributes: dict[str, Any],
    variants: list[tuple[str, int]],
    stock: int,
    description: str = "",
) -> str:
    staff, token = await client.staff(), secrets.token_hex(4)
    body = {"slug": f"p-{token}", "name": name, "category_id": category_id, "attributes": attributes}
    product_id = created(await staff.post("/v1/products", {**body, "description": description}))
    for number, (color, price) in enumerate(variants):
        sku = f"S{number}-{token}"
        variant = {"sku": sku, "price": {"amount": price, "currency": "USD"}, "options": {"color": color}}
        created(await staff.post(f"/v1/products/{product_id}/variants", variant))
        if stock:
            created(await staff.post(f"/v1/stock/{sku}/receipts", {"quantity": stock}))
    assert (await staff.post(f"/v1/products/{product_id}/publish")).status_code == 200
    return product_id
