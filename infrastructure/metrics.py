"""What a process counts of its own work, for Prometheus. Names and labels are described in docs/operations.md.

No label takes a value that a caller chooses: routes are templates, and whatever is not known is `other`.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    multiprocess,
    start_http_server,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from events.store import AppendRefused, Conflict, Outcome, StoreBusy, Unacknowledged
from infrastructure.shared_counts import SHARED

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OUTCOMES: dict[type[BaseException], str] = {
    Conflict: "conflict",
    AppendRefused: "refused",
    StoreBusy: "busy",
    Unacknowledged: "unacknowledged",
}
LATENCIES_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
COMMITS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """The counts of one process, or its part of the counts of several."""

    def __init__(self) -> None:
        disable_created_metrics()  # a second line for each count, which nobody reads
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "daybook_http_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self._request_s = Histogram(
            "daybook_http_request_seconds",
            "Time until an answer begins.",
            ("method", "route"),
            buckets=LATENCIES_S,
            registry=registry,
        )
        self._request_counts: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._appends = Counter("daybook_appends", "Appends by what became of them.", ("outcome",), registry=registry)
        self._facts = Counter("daybook_facts_appended", "Facts stored.", registry=registry)
        self._batch = Histogram(
            "daybook_commit_appends", "Appends that travelled in one commit.", buckets=BATCHES, registry=registry
        )
        self._commit_s = Histogram(
            "daybook_commit_seconds", "Time that a commit took.", buckets=COMMITS_S, registry=registry
        )
        self._queue = _gauge("daybook_appends_waiting", "Appends that wait for the next commit.", registry)
        self._pages = Counter("daybook_projection_pages", "Pages projected.", ("projection",), registry=registry)
        self._page_facts = Counter(
            "daybook_projection_facts", "Facts in the pages projected.", ("projection",), registry=registry
        )
        self._page_failures = Counter(
            "daybook_projection_page_failures", "Pages that failed.", ("projection",), registry=registry
        )
        self._page_s = Histogram(
            "daybook_projection_page_seconds", "Time that a page took.", buckets=LATENCIES_S, registry=registry
        )
        self.reactions = _gauge("daybook_reactions_under_way", "Reactions to facts that have not ended.", registry)
        self._cache_reads = Counter("daybook_cache_reads", "Look-ups in Redis.", ("kind", "result"), registry=registry)
        self._cache_counts: dict[tuple[str, str], Counter] = {}
        self._page_counts: dict[str, tuple[Counter, Counter]] = {}
        self.listeners = _gauge("daybook_feed_listeners", "Open streams of the live feed.", registry)
        self._shared = SHARED in os.environ
        if not self._shared:
            for collector in (ProcessCollector, PlatformCollector, GCCollector):
                collector(registry=registry)

    def request(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """`route` is the template, None where the request found none."""
        key = method if method in METHODS else "other", route or "other", status
        counts = self._request_counts.get(key)
        if counts is None:  # looking them up by their labels takes longer than counting
            known, path, _ = key
            counts = self._requests.labels(known, path, str(status)), self._request_s.labels(known, path)
            self._request_counts[key] = counts
        counts[0].inc()
        counts[1].observe(seconds)

    def commit(self, appends: Sequence[tuple[Outcome, int]], waiting: int, seconds: float) -> None:
        """What became of each append of a commit, and how many facts it has; how many wait by now; how long it took."""
        self._batch.observe(len(appends))
        self._commit_s.observe(seconds)
        self._queue.set(waiting)
        outcomes = [_named(outcome) for outcome, _ in appends]
        for outcome in set(outcomes):
            self._appends.labels(outcome).inc(outcomes.count(outcome))
        self._facts.inc(
            sum(facts for outcome, (_, facts) in zip(outcomes, appends, strict=True) if outcome == "stored")
        )

    def busy(self) -> None:
        """An append was not even let into the queue."""
        self._appends.labels("busy").inc()

    def page(self, projections: Iterable[str], facts: int, seconds: float) -> None:
        self._page_s.observe(seconds)
        for name in projections:
            counts = self._page_counts.get(name)
            if counts is None:
                counts = self._page_counts[name] = self._pages.labels(name), self._page_facts.labels(name)
            counts[0].inc()
            counts[1].inc(facts)

    def page_failed(self, projections: Iterable[str]) -> None:
        for name in projections:
            self._page_failures.labels(name).inc()

    def cache_read(self, kind: str, result: str) -> None:
        """`result` is near, hit, miss or away."""
        count = self._cache_counts.get((kind, result))
        if count is None:
            count = self._cache_counts[kind, result] = self._cache_reads.labels(kind, result)
        count.inc()

    def exposed(self, accept: str, *more: Collector) -> tuple[bytes, str]:
        """Everything, and what `more` collects, in the format that `accept` asks for; and its media type."""
        registry = CollectorRegistry()
        if self._shared:
            multiprocess.MultiProcessCollector(registry)
        else:
            registry.register(self.registry)
        for collector in more:
            registry.register(collector)
        encode, media_type = choose_encoder(accept)
        return encode(registry), media_type

    @contextmanager
    def told(self, host: str, port: int) -> Iterator[None]:
        """On a port of their own, for processes that answer no requests. Raises OSError."""
        server, thread = start_http_server(port, host, self.registry)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _gauge(name: str, text: str, registry: CollectorRegistry) -> Gauge:
    return Gauge(name, text, registry=registry, multiprocess_mode="livesum")


def _named(outcome: Outcome) -> str:
    if isinstance(outcome, BaseException):
        return OUTCOMES.get(type(outcome), "unacknowledged")
    return "stored" if outcome.replayed is None else "replayed"
