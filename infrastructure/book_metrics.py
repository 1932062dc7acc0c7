"""How far the book and its projections are, for Prometheus: as the database says when it is asked."""

from collections.abc import Callable, Iterable, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from queries.projection import ProjectionState

_OF_PROJECTION: dict[str, tuple[str, Callable[[ProjectionState], float | None]]] = {
    "position": ("Every fact up to here has been taken.", lambda state: state.position),
    "lag_facts": ("Facts it has yet to see.", lambda state: max(0, state.lag)),
    "lag_seconds": ("How long the oldest of them has been waiting.", lambda state: max(0.0, state.lag_s)),
    "facts_per_second": ("The rate at which it last moved on.", lambda state: state.facts_per_s),
    "eta_seconds": ("How long the facts that it has yet to see take at that rate.", lambda state: state.eta_s),
    "epoch": ("Grows with every change of the worker that moves it.", lambda state: state.epoch),
    "running": ("Whether a worker holds its lease.", lambda state: state.running),
    "failing": ("Whether it stands still because something failed.", lambda state: state.last_error is not None),
    "parked": ("Facts that wait for a person to retry or skip them.", lambda state: state.parked),
}


class BookMetrics(Collector):
    """`head` and `states` as they have just been read; None where the database could not be reached."""

    def __init__(self, head: int | None, states: Sequence[ProjectionState]) -> None:
        self._head, self._states = head, states

    def collect(self) -> Iterable[Metric]:
        there = self._head is not None
        yield GaugeMetricFamily("daybook_database_up", "Whether the database answers.", value=float(there))
        if self._head is None:
            return
        yield GaugeMetricFamily("daybook_head_position", "The position of the newest fact.", value=self._head)
        for name, (text, value_of) in _OF_PROJECTION.items():
            family = GaugeMetricFamily(f"daybook_projection_{name}", text, labels=("projection",))
            for state in self._states:
                if (value := value_of(state)) is not None:
                    family.add_metric((state.name,), float(value))
            yield family
