"""`daybook keys`."""

from typing import Any

import pytest

from api.cli import call
from tests.keys import MASTER_KEY


def test_keys_are_rotated_from_the_command_line(
    database_url: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Any,
) -> None:
    for name, value in {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": "only for tests " * 3,
        "MASTER_KEY": MASTER_KEY,
        "DAYBOOK_DATA_DIR": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    assert call(["keys", "rotate", "--json"]) == 0
    assert '"signs_in_s": 60' in capsys.readouterr().out
