"""The least a FastAPI service can do for a reader: one GET endpoint that returns bytes which are there already."""

import os
from pathlib import Path

from fastapi import FastAPI, Response

from benchmarks.bare_service import serve

BODY = "DAYBOOK_BENCH_BODY"
"""Names the file with the bytes."""

app = FastAPI()
body = Path(os.environ[BODY]).read_bytes() if BODY in os.environ else b""


@app.get("/v1/products")
@app.get("/v1/products/{id_or_slug}")
async def answered(id_or_slug: str = "") -> Response:
    return Response(body, media_type="application/json")


if __name__ == "__main__":
    serve(app)
