"""Logs: one JSON object a line, the request's id on it, and no secret in it."""

import json
import logging

import pytest
import structlog

from infrastructure import log


def test_lines_are_json_and_carry_the_request_id(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", "json")
    log.bind_request("req_1")
    structlog.get_logger("daybook").info("order placed", order_id="ord_1")
    logging.getLogger("uvicorn.error").warning("closing %s", "down")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["event"], first["order_id"], first["request_id"]) == ("order placed", "ord_1", "req_1")
    assert (second["event"], second["level"], second["request_id"]) == ("closing down", "warning", "req_1")


def test_no_secret_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", "json")
    logger = structlog.get_logger("daybook")
    logger.info("hidden", password="hunter2", nested={"access_token": "hunter2", "list": ["Bearer hunter2"]})
    logger.info("postgresql://daybook:hunter2@db/daybook")
    try:
        raise ValueError("redis://:hunter2@cache")
    except ValueError:
        logger.exception("refused")
    written = capsys.readouterr().err
    assert "hunter2" not in written
    assert written.count(log.REDACTED) >= 5


def test_a_terminal_gets_readable_lines(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", "console")
    structlog.get_logger("daybook").info("hello", secret_key="hunter2")
    written = capsys.readouterr().err
    assert "hello" in written
    assert not written.startswith("{")
    assert "hunter2" not in written


def test_a_warning_that_says_the_same_again_is_counted_for_a_minute() -> None:
    now = 0.0
    repeated = log.Repeated(lambda: now)

    def written(level: str = "warning", **event: object) -> object:
        try:
            return repeated(None, level, event)
        except structlog.DropEvent:
            return None

    assert written(event="away", error="refused") == {"event": "away", "error": "refused"}
    assert written(event="away", error="refused") is None
    assert written(event="away", error="starting up") is not None
    assert all(written("info", event="request") and written("error", event="broken") for _ in range(2))
    assert all(written(event="failed", exc_info=True) for _ in range(2)), "each traceback may be another"
    now = log.QUIET_S - 1
    assert written(event="away", error="refused") is None
    now = log.QUIET_S
    assert written(event="away", error="refused") == {"event": "away", "error": "refused", "repeated": 2}
    now += log.QUIET_S
    assert written(event="away", error="refused") == {"event": "away", "error": "refused"}


def test_repeated_warnings_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", "json")
    for request in range(3):
        log.bind_request(f"req_{request}")
        structlog.get_logger("daybook").warning("read_again", error="refused")
    [line] = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["event"], line["request_id"]) == ("read_again", "req_0")


def test_what_the_standard_library_tells_of_a_failure_is_told_without_secrets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("info", "json")
    try:
        raise ValueError("redis://:hunter2@cache")
    except ValueError:
        logging.getLogger("asyncio").exception("lost")
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert "ValueError: redis://" in line["exception"]
    assert "hunter2" not in line["exception"]


def test_a_line_is_written_whatever_stands_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", "json")
    structlog.get_logger("daybook").info("odd", half="\ud800", large=2**70, thing=object)
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["half"], line["large"], line["thing"]) == ("\ud800", 2**70, "<class 'object'>")
