"""Staff take the catalog out as a table, in the form in which it can be brought in again."""

from fastapi import Request
from fastapi.responses import StreamingResponse

from api.catalog_sheet import catalog_sheet
from api.media import CSV, NDJSON, chosen
from api.queries.routing import query_router
from api.reading import Read
from api.security import Staff

router = query_router("/v1/products", "catalog")

_CSV = "slug,name,category,status,sku,price_minor,currency\r\nmug,Mug,kitchen,active,MUG-S,1999,USD\r\n"
_NDJSON = '{"slug":"mug","name":"Mug","category":"kitchen","sku":"MUG-S","price_minor":1999,"currency":"USD"}\n'
_CONTENT = {kind: {"schema": {"type": "string"}, "example": text} for kind, text in ((CSV, _CSV), (NDJSON, _NDJSON))}


@router.get("/export", response_class=StreamingResponse, responses={200: {"content": _CONTENT}})
async def export_products(request: Request, read: Read, staff: Staff) -> StreamingResponse:
    """Every product with its variants and prices, drafts and archived ones too, a row for each variant and currency.

    What goes on meanwhile may be in it or not; each product is whole."""
    media_type = chosen(request, (CSV, NDJSON))
    await read.seen("product", "category")
    return StreamingResponse(catalog_sheet(read.shop.pool, media_type), headers=read.headers, media_type=media_type)
