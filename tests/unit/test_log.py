"""Logs: one JSON object a line, the request's id on it, and no secret in it."""

import json
import logging

import pytest
import structlog

from infrastructure import log

pytestmark = pytest.mark.usefixtures("logs_as_they_were")


def test_lines_are_json_and_carry_the_request_id(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", "json")
    structlog.contextvars.bind_contextvars(request_id="req_1")
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
