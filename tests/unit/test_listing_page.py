"""A page of products goes on from what is listed, whether or not each product has its card yet."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from queries.listing import Found, Wanted, products
from queries.rows import Key, Window


class Answer:
    """Rows with these products, newest first; those in `bare` have no card yet."""

    def __init__(self, names: str, bare: str) -> None:
        cards = [None if name in bare else f'{{"product_id":"{name}"}}' for name in names]
        keys = [{"created_at": -place, "product_id": name} for place, name in enumerate(names)]
        self.rows = [
            {**key, "card": card, "in_stock": True, "facets": None, "total": None}
            for key, card in zip(keys, cards, strict=True)
        ]

    async def fetch(self, sql: str, *values: Any) -> Sequence[Any]:
        return self.rows


async def _page(names: str, bare: str, *, key: Key | None = None, backwards: bool = False) -> Found:
    rows: Any = Answer(names, bare)
    return await products(rows, Wanted("EUR", "active"), Window(2, key, backwards))


@pytest.mark.parametrize(("bare", "shown"), [("", "ab"), ("a", "b"), ("b", "a"), ("ab", ""), ("c", "ab")])
async def test_the_list_goes_on_behind_what_has_no_card_yet(bare: str, shown: str) -> None:
    found = await _page("abc", bare)
    assert "".join(each["product_id"] for each in msgspec.json.decode(found.products)) == shown
    assert (found.previous, found.next) == (None, (-1, "b"))
    back = await _page("abc", bare, key=(-3, "d"), backwards=True)
    assert "".join(each["product_id"] for each in msgspec.json.decode(back.products)) == shown[::-1]
    assert (back.previous, back.next) == ((-1, "b"), (0, "a"))
