"""The command line, called in this process as somebody on the service's machine would."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from api.cli import call
from api.cli.outcome import ExitCode
from infrastructure.settings import Settings
from tests.e2e.shop_client import SECRET_KEY
from tests.keys import MASTER_KEY


def environment(database_url: str, redis_url: str, data_dir: Path, **more: str) -> dict[str, str]:
    """What a service in production, and the tool beside it, are told."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": SECRET_KEY,
        "MASTER_KEY": MASTER_KEY,
        "DAYBOOK_MODE": "production",
        "DAYBOOK_DATA_DIR": str(data_dir),
        **more,
    }


def tell(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    """This process's environment, and no file beside it."""
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = ExitCode.OK) -> str:
    """What a command says on standard output."""
    answered, told = call(arguments), capsys.readouterr()
    assert answered == code, told
    return told.out
