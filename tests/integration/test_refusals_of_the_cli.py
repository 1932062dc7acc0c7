"""The command line where something is missing: a database, a schema, a port, a better password."""

import json
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from api.cli import call
from api.cli.outcome import ExitCode
from tests.kinds import EMBEDDED_ALONE
from tests.tool import environment, said, tell

pytestmark = EMBEDDED_ALONE

Tool = Callable[..., str]


@pytest.fixture
def tool(
    database_url: str,
    redis_url: str,
    key_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Tool:
    """Calls a command as somebody on the service's machine would; gives what it says on standard output."""
    tell(monkeypatch, environment(database_url, redis_url, tmp_path, DAYBOOK_KEY_PREFIX=key_prefix))
    return partial(said, capsys)


def test_an_administrator_can_be_made_once(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    made = json.loads(
        tool("user", "create", "--email", "boss@example.com", "--role", "admin", "--make-password", "--json")
    )
    assert made["role"] == "admin" and len(made["password"]) >= 8
    tool("user", "create", "--email", "boss@example.com", code=ExitCode.REFUSED)
    monkeypatch.setenv("DAYBOOK_USER_PASSWORD", "short")
    tool("user", "create", "--email", "clerk@example.com", code=ExitCode.USAGE)
    monkeypatch.setenv("DAYBOOK_USER_PASSWORD", "long enough")
    assert "long enough" not in tool("user", "create", "--email", "clerk@example.com", "--role", "staff")
    assert json.loads(tool("events", "tail", "--json").splitlines()[-1])["data"]["role"] == "staff"


SERVICES = (["migrate"], ["serve", "--port", "0"], ["worker"])


def test_a_database_that_is_away_is_named_without_its_password(
    tool: Tool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        monkeypatch.setenv("DATABASE_URL", f"postgresql://clerk:hidden@127.0.0.1:{port}/books")
        monkeypatch.setenv("DAYBOOK_START_PATIENCE_SECONDS", "0.1")
        for command, waits in ((["projections", "status"], False), *((each, True) for each in SERVICES)):
            assert call(command) == ExitCode.UNAVAILABLE
            said = capsys.readouterr().err
            *before, last = said.splitlines()
            assert last.startswith(f"daybook: the database books at 127.0.0.1:{port} cannot be used: "), said
            assert ["waiting_for_database" in line for line in before] == [True] * waits, said
            assert "hidden" not in said


def test_production_must_name_where_payments_are_taken(tool: Tool, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["serve", "--port", "0"], ["worker"]):
        assert call(command) == ExitCode.USAGE
        assert "DAYBOOK_GATEWAY_URL" in capsys.readouterr().err


def test_a_taken_port_is_refused_in_production(tool: Tool, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert call(["serve", "--port", port]) == ExitCode.UNAVAILABLE
        assert f"127.0.0.1:{port} cannot be listened on" in capsys.readouterr().err


def test_a_schema_that_is_behind_is_refused_by_what_needs_it(
    tool: Tool, empty_database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    tool("migrate", "status", code=ExitCode.REFUSED)
    for command in (["serve", "--port", "0"], ["serve", "--port", "0", "--processes", "2"], ["worker"]):
        assert call(command) == ExitCode.REFUSED
        assert "run `daybook migrate`" in capsys.readouterr().err
    assert tool("migrate").startswith("Migrated from nothing to ")
    assert tool("migrate", "down", "base", "--yes").endswith(" to nothing.\n")
