"""Pages that show the API to people: `/docs` to try it out, `/redoc` to read. All that they load comes from here."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

_BEGIN = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Daybook's API</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="docs/favicon.png">
"""
_DOCS = f"""{_BEGIN}<link rel="stylesheet" href="docs/swagger-ui.css"></head><body><div id="docs"></div>
<script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script></body></html>
"""
_START = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#docs", deepLinking: true});\n'
"""Not in the page: scripts in a page are what its Content-Security-Policy forbids."""
_REDOC = f"""{_BEGIN}<style>body {{margin: 0}}</style></head><body><redoc spec-url="openapi.json"></redoc>
<script src="docs/redoc.standalone.js"></script></body></html>
"""

_PARTS = StaticFiles(packages=[("fastapi_offline", "static")])

router = APIRouter(include_in_schema=False)


@router.get("/docs", response_class=HTMLResponse)
async def docs() -> str:
    return _DOCS


@router.get("/docs/start.js")
async def start() -> Response:
    return Response(_START, media_type="text/javascript")


@router.get("/docs/{part}")
async def part(part: str, request: Request) -> Response:
    return await _PARTS.get_response(part, request.scope)


@router.get("/redoc", response_class=HTMLResponse)
async def redoc() -> str:
    return _REDOC
