"""What is seen of the work behind the requests: counted, and traced where tracing is on."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext

from events.store import Recorded
from infrastructure.metrics import Metrics
from infrastructure.tracing import Tracing


class Watch:
    """Around a page of a projection and around a reaction."""

    def __init__(self, metrics: Metrics | None = None, tracing: Tracing | None = None) -> None:
        self._metrics, self._tracing = metrics or Metrics(), tracing

    @property
    def traces(self) -> bool:
        return self._tracing is not None

    @asynccontextmanager
    async def page(self, projections: Sequence[str], facts: int, origins: Sequence[str] = ()) -> AsyncIterator[None]:
        """`origins` are the `traceparent`s of the facts, if there are `traces`."""
        began = time.perf_counter()
        try:
            if self._tracing is None:
                yield
            else:
                with self._tracing.page(projections, [each for each in origins if each], facts):
                    yield
        except Exception:
            self._metrics.page_failed(projections)
            raise
        self._metrics.page(projections, facts, time.perf_counter() - began)

    @asynccontextmanager
    async def reaction(self, fact: Recorded) -> AsyncIterator[None]:
        name, tracing = type(fact.event).__name__, self._tracing
        with (
            self._metrics.reactions.track_inprogress(),
            nullcontext() if tracing is None else tracing.reaction(name, fact.position, fact.metadata.traceparent),
        ):
            yield

    def traceparent(self, otherwise: str) -> str:
        """For facts that come of this: the span we are in, or where the cause came from."""
        return (self._tracing and self._tracing.traceparent()) or otherwise
