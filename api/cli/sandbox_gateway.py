"""`daybook sandbox-gateway`: the payment gateway that moves no money, as a server of its own."""

import asyncio
import contextlib
from pathlib import Path
from typing import Annotated

import typer

from infrastructure import log
from infrastructure.loading import load_for_tool
from infrastructure.settings import SettingsRefused


def sandbox_gateway(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port; 0 takes a free one.")] = 8100,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where it keeps its SQLite file; by default with the rest of Daybook's.")
    ] = None,
) -> None:
    """Serve the sandbox gateway. Shops find it by DAYBOOK_GATEWAY_URL, and it signs with DAYBOOK_WEBHOOK_SECRET."""
    from api.cli.opening import run

    settings = load_for_tool()
    log.configure(settings.log_level, settings.log_format)
    if not (webhook_secrets := settings.webhook_secrets()):
        raise SettingsRefused("DAYBOOK_WEBHOOK_SECRET must be set: the shop's, which webhooks are signed with")
    run(_serve(data_dir or settings.data_dir, webhook_secrets[0], host, port), settings)


async def _serve(data_dir: Path, secret: str, host: str, port: int) -> None:
    import structlog

    from api.cli.server import stopped_by_signals, until
    from infrastructure.data_dir import make_data_dir
    from infrastructure.sandbox.server import sandbox_served

    make_data_dir(data_dir)
    with contextlib.suppress(asyncio.CancelledError), stopped_by_signals() as stopped:
        async with sandbox_served(data_dir, secret, host, port) as url:
            structlog.get_logger("daybook.sandbox").info("serving", url=url)
            await until(stopped)
