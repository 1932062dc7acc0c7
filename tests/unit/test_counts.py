"""What is counted can also be told on a port of its own, to Prometheus only."""

import socket

import httpx

from infrastructure.metrics import Metrics
from tests.waiting import PATIENCE_S


def test_a_process_without_requests_tells_on_a_port_of_its_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    metrics = Metrics()
    metrics.page(["sale"], 7, 0.01)
    with metrics.told("127.0.0.1", port):
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S).text
    assert 'daybook_projection_facts_total{projection="sale"} 7.0' in text


def test_the_format_is_the_one_that_is_asked_for() -> None:
    metrics = Metrics()
    assert metrics.exposed("")[1].startswith("text/plain; version=0.0.4")
    body, media_type = metrics.exposed("application/openmetrics-text; version=1.0.0")
    assert media_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
