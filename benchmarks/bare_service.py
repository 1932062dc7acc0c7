"""The least a FastAPI service can do: one POST endpoint with a validated body, on the server settings of Daybook."""

import json
import socket
import sys
from typing import Annotated

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

from infrastructure.listening import KEEP_ALIVE_S

app = FastAPI()


class NewLine(BaseModel):
    sku: Annotated[str, Field(min_length=1, max_length=64)]
    quantity: Annotated[int, Field(ge=1, le=100_000, strict=True)] = 1


@app.post("/v1/cart/lines", status_code=201)
async def add_to_cart(body: NewLine) -> NewLine:
    return body


def serve(app: FastAPI) -> None:
    """Serve on a free port, which the log tells."""
    with socket.create_server(("127.0.0.1", 0), backlog=2_048) as listener:
        where = f"http://127.0.0.1:{listener.getsockname()[1]}"
        print(json.dumps({"event": "serving", "url": where}), file=sys.stderr, flush=True)
        config = uvicorn.Config(
            app,
            http="httptools",
            loop="uvloop",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    serve(app)
