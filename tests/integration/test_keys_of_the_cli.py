"""`daybook keys`."""

from pathlib import Path

import pytest

from tests.tool import environment, said, tell


def test_keys_are_rotated_from_the_command_line(
    database_url: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    tell(monkeypatch, environment(database_url, redis_url, tmp_path))
    assert '"signs_in_s": 60' in said(capsys, "keys", "rotate", "--json")
