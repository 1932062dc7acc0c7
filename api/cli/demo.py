"""`daybook demo`: one order's life, from the cart to the audit, told step by step."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from api.cli.opening import in_shop, tool_settings
from api.cli.output import errors, say
from infrastructure.settings import Mode, Settings, SettingsRefused


def demo(
    throwaway: Annotated[
        bool, typer.Option("--throwaway", help="In a shop of its own, gone afterwards, even if there is one here.")
    ] = False,
) -> None:
    """One order's life in the development shop kept here; where there is none, in one that is gone afterwards."""
    from api.cli.story import told

    here = None if throwaway else _development_shop()
    if here is not None:
        say(f"In the development shop of {here.data_dir}:", "dim")
        order_id = in_shop(told, here, workers=True)
        say(f"The same again: .venv/bin/daybook replay order {order_id}")
        return
    with _shop_of_the_moment() as settings:
        say("In a shop of the moment, with servers and data of its own:", "dim")
        in_shop(told, settings, workers=True)


def _development_shop() -> Settings | None:
    """A demo writes orders, and so keeps out of production."""
    try:
        settings = tool_settings()
    except SettingsRefused:
        return None
    return settings if settings.development else None


@contextlib.contextmanager
def _shop_of_the_moment() -> Iterator[Settings]:
    from infrastructure.embedded import throwaway_servers

    with tempfile.TemporaryDirectory(prefix="daybook-demo-") as data_dir, contextlib.ExitStack() as stack:
        with errors().status("Starting PostgreSQL and Valkey for the moment"):
            servers = stack.enter_context(throwaway_servers())
        yield Settings.model_construct(
            mode=Mode.DEVELOPMENT,
            database_url=SecretStr(servers.database_url),
            redis_url=SecretStr(servers.redis_url),
            data_dir=Path(data_dir),
        )
