"""A sandbox gateway that all tests of a process share, each shop with an account of its own."""

import asyncio
import base64
import tempfile
import threading
from functools import cache
from pathlib import Path

from infrastructure.sandbox.server import sandbox_served

WEBHOOK_SECRET = f"whsec_{base64.b64encode(b'only for tests ' * 2).decode()}"
START_WITHIN_S = 60


@cache
def sandbox_url() -> str:
    """Where it listens; it is started by whoever asks first, and ends with the process."""
    urls: list[str] = []
    started = threading.Event()

    async def serve() -> None:
        with tempfile.TemporaryDirectory(prefix="daybook-sandbox-") as data_dir:
            async with sandbox_served(Path(data_dir), WEBHOOK_SECRET) as url:
                urls.append(url)
                started.set()
                await asyncio.get_running_loop().create_future()

    threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
    assert started.wait(START_WITHIN_S)
    return urls[0]
