"""The catalog as shoppers see it, and to staff also what is not on sale."""

from typing import Annotated, Any

from fastapi import Path, Response
from pydantic import BaseModel

from api import warm
from api.problems import Problem
from api.queries.routing import query_router, shown
from api.reading import Read
from api.security import Principal, Visitor
from infrastructure.answers import Answer, Subject
from queries import category, product
from queries.category import Category
from queries.product import Product

router = query_router("/v1", "catalog")

IdOrSlug = Annotated[str, Path(pattern=r"^[a-z0-9_-]{1,100}$", description="Its id or its slug.", examples=["mug"])]

CATEGORY = {"category_id": "cat_01h455vb4pex5vsknk084sn02q", "slug": "kitchen", "name": "Kitchen", "parent_id": None}
_ATTRIBUTE = {"name": "color", "kind": "enum", "values": ["red", "blue"], "declared_by": CATEGORY["category_id"]}
_TREE = {**CATEGORY, "version": 1, "attributes": [_ATTRIBUTE], "children": []}
PRODUCT = {
    "product_id": "prd_01h455vb4pex5vsknk084sn02q",
    "slug": "mug",
    "name": "Mug",
    "description": "Holds tea.",
    "category_id": "cat_01h455vb4pex5vsknk084sn02q",
    "status": "active",
    "attributes": {"dishwasher": True},
    "variants": [
        {
            "sku": "MUG-S",
            "options": {"size": "S"},
            "prices": [{"amount": 1999, "currency": "USD"}],
            "tax_class": "standard",
            "weight_g": 350,
            "compare_at": [{"amount": 2499, "currency": "USD"}],
        }
    ],
    "created_at": "2026-05-01T12:00:00Z",
    "version": 4,
    "media": [{"url": "https://cdn.test/mug.jpg", "alt": "A blue mug", "kind": "image"}],
}


_MOVED: dict[int | str, dict[str, Any]] = {301: {"description": "It has another slug by now: see `Location`."}}


class Tree(BaseModel):
    data: list[Category]


@router.get("/products/{id_or_slug}", response_model=Product, responses={**shown(PRODUCT), **_MOVED})
async def get_product(id_or_slug: IdOrSlug, read: Read, visitor: Visitor) -> Response:
    """One product with its variants and prices. `If-None-Match` with an earlier answer's `ETag` saves a repetition.

    A slug that the product had before leads to the present one."""
    product_id, answer = await _entry(id_or_slug, read)
    if answer.body is None:
        await read.seen("product_link")
        now = await product.slug_now(read.shop.pool, id_or_slug, everything=_is_staff(visitor))
        if now is None or now == id_or_slug:
            raise _not_found("product", id_or_slug)
        return Response(status_code=301, headers={**read.headers, "Location": f"/v1/products/{now}"})
    head, _, body = answer.body.partition(b"\n")
    version, status = head.decode().split()
    if status != "active" and not _is_staff(visitor):
        raise _not_found("product", id_or_slug)
    read.stands_for(answer.position)
    if status == "active" and visitor is None:
        warm.keep(read, _subject(product_id), answer, f'"{version}"', body)
    return read.not_modified() if read.tagged(int(version)) else read.answer(body)


@router.get("/categories", responses=shown({"data": [_TREE]}))
async def get_categories(read: Read) -> Tree:
    """The whole tree of categories."""
    await read.seen("category")
    return Tree(data=await category.tree(read.shop.pool))


@router.get("/categories/{id_or_slug}", responses=shown(_TREE))
async def get_category(id_or_slug: IdOrSlug, read: Read) -> Category:
    """One category, and the tree below it."""
    await read.seen("category")
    found = await category.category(read.shop.pool, id_or_slug)
    if found is None:
        raise _not_found("category", id_or_slug)
    read.tagged(found.version)
    return found


async def _entry(id_or_slug: str, read: Read) -> tuple[str, Answer]:
    """The product's id, and the product as the cache keeps it: a line with version and status, then the bytes.

    Redis knows only ids, since it is by them that the projector says what has changed."""
    reached, product_id = await read.seen("product"), id_or_slug

    async def fetched() -> tuple[int, bytes | None]:
        nonlocal product_id
        found = await product.product(read.shop.pool, read.shop.products, id_or_slug)
        if found is None:
            return reached, None
        product_id = found.product_id
        return reached, f"{found.version} {found.status}\n{found.json}".encode()

    if product.is_id(id_or_slug):
        answer = await read.shop.answers.get(_subject(id_or_slug), fetched, at_least=read.min_position)
    else:
        answer = await read.shop.answers.made(fetched)
    return product_id, answer


def _subject(product_id: str) -> Subject:
    return Subject("product", product_id, ("product",), "product", product_id, is_quick=True)


def _is_staff(visitor: Principal | None) -> bool:
    return visitor is not None and visitor.is_staff


def _not_found(kind: str, identity: str) -> Problem:
    return Problem(404, "not_found", f"There is no {kind} {identity}.")
