"""`daybook archive` and `daybook verify --archive`, as scripts and people use them."""

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from api.cli import call
from api.cli.outcome import ExitCode
from infrastructure import migrations
from tests.integration.archived_book import PART, open_archived_book
from tests.integration.sealed_book import KEYRING
from tests.kinds import EMBEDDED_ALONE
from tests.tool import environment, said, tell

pytestmark = EMBEDDED_ALONE

PUBLIC = KEYRING.public[0].text


@pytest.fixture
def archives(own_database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Where they go by default. The book has two full parts."""
    key = base64.b64encode(b"k" * 32).decode()
    tell(monkeypatch, environment(own_database_url, redis_url, tmp_path, SEALING_KEY=key))

    async def made() -> None:
        async with open_archived_book(own_database_url, tmp_path, orders=14):
            pass

    asyncio.run(made())
    yield tmp_path / "archives"


def parsed(capsys: pytest.CaptureFixture[str], *arguments: str, code: ExitCode = ExitCode.OK) -> Any:
    return json.loads(said(capsys, *arguments, code=code))


def test_parts_go_out_are_judged_and_come_back(archives: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"Positions 1 to {PART} can be archived." in said(capsys, "archive", "list")
    assert "because of a limit" not in said(capsys, "archive", "create", "--to-position", "3")
    told = said(capsys, "archive", "create", "--to-position", str(PART))
    file = archives / f"facts-1-{PART}.ndjson.gz"
    assert told.startswith(f"{file}: {PART} facts, of which ")
    listed = parsed(capsys, "archive", "list", "--json")
    assert [(row["first_position"], row["file"]) for row in listed["data"]] == [(1, file.name)]
    assert [part["first"] for part in listed["ripe"]] == [PART + 1]
    for arguments in (["archive", "check", str(file)], ["verify", "--archive", str(file), "--key", PUBLIC]):
        assert "Nothing is wrong." in said(capsys, *arguments)
    report = parsed(capsys, "verify", "--json")
    assert (report["sound"], report["archives"][0]["file"]) == (True, file.name)
    assert f"{file.name}: positions 1 to {PART}" in said(capsys, "verify")
    assert "facts are back" in said(capsys, "archive", "restore", str(file))
    assert parsed(capsys, "archive", "list", "--json")["data"] == []
    [made] = parsed(capsys, "archive", "create", "--to-position", str(PART), "--json")["data"]
    back = parsed(capsys, "archive", "restore", str(file), "--json")
    assert made == back | {"kept": made["kept"]} and (back["first"], back["last"]) == (1, PART)
    assert parsed(capsys, "verify", "--json")["archives"] == []


def test_what_lacks_an_archive_names_it(archives: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "archive", "create")
    assert "There is nothing to archive: the newest seal allows it up to " in said(capsys, "archive", "list")
    first, second = (f"facts-{n}-{n + PART - 1}.ndjson.gz" for n in (1, PART + 1))
    for arguments in (
        ["projections", "rebuild", "stock_level"],
        ["events", "tail", "--after", "0"],
        ["events", "tail", "--after", "0", "--type", "OrderPlaced"],
    ):
        assert call(arguments) == ExitCode.REFUSED
        told = " ".join(capsys.readouterr().err.split())
        assert first in told and second in told
    assert call(["replay", "order", "ord_0001"]) == ExitCode.REFUSED
    told = " ".join(capsys.readouterr().err.split())
    assert first in told and second not in told
    assert "FactsArchived" in said(capsys, "events", "tail", "--after", str(2 * PART))
    for file in (second, first):
        said(capsys, "archive", "restore", str(archives / file))
    said(capsys, "projections", "rebuild", "stock_level")
    assert "OrderPlaced" in said(capsys, "replay", "order", "ord_0001")


def test_a_bad_file_is_named_and_refused(archives: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said(capsys, "archive", "create", "--dir", str(tmp_path / "elsewhere"))
    file = tmp_path / "elsewhere" / f"facts-1-{PART}.ndjson.gz"
    good = file.read_bytes()
    file.write_bytes(good[:-20])
    (judged,) = parsed(capsys, "verify", "--json", "--archive", str(file), "--key", PUBLIC, code=ExitCode.REFUSED)[
        "data"
    ]
    assert (judged["sound"], judged["findings"][0]["kind"]) == (False, "file_damaged")
    said(capsys, "archive", "check", str(file), code=ExitCode.REFUSED)
    said(capsys, "archive", "restore", str(file), code=ExitCode.REFUSED)
    said(capsys, "archive", "restore", str(tmp_path / "nowhere.gz"), code=ExitCode.REFUSED)
    said(capsys, "archive", "check", str(tmp_path / "nowhere.gz"), "--key", PUBLIC, code=ExitCode.REFUSED)
    said(capsys, "archive", "check", str(file), "--key", "no key", code=ExitCode.USAGE)
    file.write_bytes(good)
    assert "facts are back" in said(capsys, "archive", "restore", str(file))


def test_without_the_public_keys_nothing_is_archived(
    archives: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEALING_KEY")
    assert call(["archive", "create"]) == ExitCode.REFUSED
    assert "is not sound" in capsys.readouterr().err
    assert list(archives.iterdir()) == []
    assert parsed(capsys, "archive", "list", "--json")["data"] == []


def test_a_schema_with_archives_is_not_taken_back(
    archives: Path, own_database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "archive", "create")
    with pytest.raises(asyncpg.RestrictViolationError, match="restore them first"):
        asyncio.run(migrations.downgrade(own_database_url, "base"))
    assert len(parsed(capsys, "archive", "list", "--json")["data"]) == 2
