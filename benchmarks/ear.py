"""A second process that only listens: what it heard and when, and how long a bare NOTIFY takes meanwhile."""

import asyncio
import json
import signal
import sys
import time

from infrastructure.database import connect
from infrastructure.wakeups import CHANNEL

BARE_CHANNEL = "daybook_bench"
BARE_EVERY_S = 0.02


async def main(url: str) -> None:
    """Until SIGTERM; then prints what was heard as JSON: `[[seconds, payload], ...]` and round trips in seconds.

    Times are of the clock that all processes of a machine share (`time.perf_counter` on Linux)."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    heard: list[tuple[float, str]] = []
    back = asyncio.Event()
    round_trips: list[float] = []
    hearing, notifying = await connect(url), await connect(url)
    await hearing.add_listener(CHANNEL, lambda *call: heard.append((time.perf_counter(), str(call[3]))))
    await hearing.add_listener(BARE_CHANNEL, lambda *call: back.set())
    print(json.dumps({"event": "serving", "url": "none"}), file=sys.stderr, flush=True)
    while not over.is_set():
        back.clear()
        began = time.perf_counter()
        await notifying.execute(f"NOTIFY {BARE_CHANNEL}")
        await back.wait()
        round_trips.append(time.perf_counter() - began)
        await asyncio.sleep(BARE_EVERY_S)
    await hearing.close()
    await notifying.close()
    print(json.dumps({"heard": heard, "round_trips": round_trips}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
