"""`daybook verify`, as scripts and people use it."""

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.cli import call
from tests.integration.sealed_book import KEYRING, open_book
from tests.kinds import EMBEDDED_ALONE
from tests.tool import environment, tell

pytestmark = EMBEDDED_ALONE

SEED = base64.b64encode(b"k" * 32).decode()


@pytest.fixture(autouse=True)
def _settings(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tell(monkeypatch, environment(database_url, redis_url, tmp_path, SEALING_KEY=SEED))


@pytest.fixture
def book(database_url: str) -> Callable[..., None]:
    def made(*changes: str) -> None:
        async def make() -> None:
            async with open_book(database_url) as book:
                await book.change(*changes)

        asyncio.run(make())

    return made


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = call(["verify", "--json", *arguments])
    return code, json.loads(capsys.readouterr().out)


def test_an_honest_book_is_sound(book: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    book()
    code, report = said(capsys)
    assert (code, report["sound"], report["facts"], report["seals"], report["unsealed"]) == (0, True, 100, 6, 4)
    assert report["facts_per_s"] > 0
    newest = report["newest_seal"]
    assert call(["verify", "--kept", f"{newest['number']}:{newest['hash']}"]) == 0
    told = capsys.readouterr().out
    assert "100 facts and 6 seals were checked, positions 1 to 100" in told
    assert "4 of them, at the end, have no seal yet" in told
    assert "Nothing is wrong." in told


def test_a_changed_book_ends_with_exit_code_one_and_what_was_changed(
    book: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    book("UPDATE facts SET body = '{}' WHERE position = 37", "DELETE FROM seals WHERE number = 1")
    code, report = said(capsys)
    assert (code, report["sound"]) == (1, False)
    assert [(each["kind"], each["first"], each["last"]) for each in report["findings"]] == [
        ("seal_removed", 1, 16),
        ("fact_changed", 37, 37),
    ]
    assert call(["verify"]) == 1
    told = capsys.readouterr().out
    assert "fact_changed\tthe fact at position 37 is not the one that was sealed there" in told
    assert said(capsys, "--from", "50", "--to", "60")[0] == 0
    assert said(capsys, "--from", "30", "--to", "40")[0] == 1


def test_a_book_is_verified_without_the_private_key(
    book: Callable[..., None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    book()
    monkeypatch.delenv("SEALING_KEY")
    code, report = said(capsys)
    assert (code, {each["kind"] for each in report["findings"]}) == (1, {"seal_forged"})
    assert said(capsys, "--key", KEYRING.public[0].text)[0] == 0


def test_a_seal_that_was_noted_down_must_be_there(
    book: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    book()
    code, report = said(capsys, "--kept", f"6:{'0' * 64}")
    assert (code, [each["kind"] for each in report["findings"]]) == (1, ["kept_seal_gone"])


@pytest.mark.parametrize(
    "arguments", [("--kept", "6"), ("--key", "AAAA"), ("--from", "0"), ("--from", "5", "--to", "4")]
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...]) -> None:
    assert call(["verify", *arguments]) == 2


def test_a_part_beyond_the_end_of_the_book_is_not_called_sound(
    book: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    book()
    end = said(capsys)[1]["last"]
    assert said(capsys, "--from", str(end + 1))[0] == 0, "who goes on from where they were finds nothing new"
    capsys.readouterr()
    assert call(["verify", "--from", str(end + 2)]) == 1
    assert f"the book ends at position {end}" in capsys.readouterr().err
