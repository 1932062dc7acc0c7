"""Reads the settings for a service or for a tool beside one, and says in one line what is wrong with them."""

import os
from pathlib import Path

from pydantic import ValidationError

from infrastructure.data_dir import make_data_dir
from infrastructure.settings import HOME, Mode, Settings, SettingsRefused

_DEVELOPMENT_MARK = "development"


def load(*, development: bool = False) -> Settings:
    """The settings for a service: development mode only when it is asked for, here or by DAYBOOK_MODE.

    Raises:
        SettingsRefused: a setting is missing or cannot be used.
    """
    try:
        settings = Settings(mode=Mode.DEVELOPMENT) if development else Settings()
    except ValidationError as refused:
        raise SettingsRefused(_explained(refused)) from None
    if settings.development:
        make_data_dir(settings.data_dir)
        (settings.data_dir / _DEVELOPMENT_MARK).touch()
    return settings


def load_for_tool(*, development: bool = False) -> Settings:
    """The settings for a command beside a service, such as `daybook replay`.

    A service never guesses its mode. A tool with no database configured may look into the shop that a development
    service keeps in the same place, since all else would be a refusal.
    """
    if not development and "DAYBOOK_MODE" not in os.environ and "DATABASE_URL" not in os.environ:
        try:
            return load()
        except SettingsRefused:
            here = Path(os.environ.get("DAYBOOK_DATA_DIR", HOME / ".daybook"))
            development = (here / _DEVELOPMENT_MARK).exists()
    return load(development=development)


def _explained(refused: ValidationError) -> str:
    lines = []
    for error in refused.errors(include_url=False, include_input=False, include_context=False):
        name = str(error["loc"][0]) if error["loc"] else ""
        known = Settings.model_fields.get(name)
        variable = f"DAYBOOK_{name.upper()}" if known is not None else name
        message = error["msg"].removeprefix("Value error, ")
        lines.append(f"{variable}: {message}" if variable else message)
    return "; ".join(lines)
