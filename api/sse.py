"""The feed as Server-Sent Events, as the HTML standard describes them (section 9.2)."""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api.media import SSE
from api.problems import Problem
from events.store import PositionsArchived
from infrastructure.codec import StoredFact
from infrastructure.event_json import event_line
from infrastructure.ring import Wanted
from infrastructure.tail import Tail, TooManyListeners

HEARTBEAT_S = 15.0
COME_BACK_MS = (1_000, 5_000)
"""When to connect again: not all at the same time when a process has been stopped."""
HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx passes on what comes when it comes
}
STREAM = "daybook.stream"
"""Marks the scope of an answer that goes on for as long as it is let."""


def frame(fact: StoredFact) -> bytes:
    """A fact as an event. It has no name of its own, so that every client gets it as `message`."""
    return b"id: %d\ndata: %s\n\n" % (fact.id, event_line(fact))


class EventStream(StreamingResponse):
    """What there is beyond `after` and what comes. Raises Problem 503 when it is to begin and there is no room."""

    media_type = SSE

    def __init__(self, tail: Tail, after: int, wanted: Wanted, *, last_s: float, headers: Mapping[str, str]) -> None:
        self._tail, self._after = tail, after
        self._pages = tail.follow(after, wanted, heartbeat_s=HEARTBEAT_S, last_s=last_s)
        super().__init__(self._events(), headers={**headers, **HEADERS})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._tail.seat():
                scope[STREAM] = True
                await super().__call__(scope, receive, send)
        except TooManyListeners:
            detail = "This process serves as many listeners as it may. Come back, or page through the feed as JSON."
            raise Problem(503, "unavailable", detail) from None

    async def _events(self) -> AsyncIterator[bytes]:
        told = self._after
        yield b": the feed\nretry: %d\n\n" % random.randint(*COME_BACK_MS)
        # Where what comes next has just been archived, the stream ends: coming back, its consumer is told so.
        with suppress(PositionsArchived):
            async for page in self._pages:
                for chunk in page.chunks():
                    yield chunk
                if not page.facts:
                    # An event without data is not handed to anyone, but its id is where the consumer will go on.
                    yield b": nothing yet\nid: %d\n\n" % page.position if page.position > told else b":\n\n"
                told = page.position
