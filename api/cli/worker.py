"""`daybook worker`: projections and policies, without the web."""

import asyncio
import contextlib
from typing import Annotated

import typer

from infrastructure import log
from infrastructure.garbage import rarely_collected
from infrastructure.loading import load
from infrastructure.settings import Settings


def worker(
    dev: Annotated[bool, typer.Option("--dev", help="Development mode, as in `serve --dev`.")] = False,
    metrics_port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Tell Prometheus here what this worker counts.")
    ] = None,
) -> None:
    """Run the projections and policies only. Any number may run: they share the work out among themselves."""
    from api.cli.opening import run

    settings = load(development=dev)
    log.configure(settings.log_level, settings.log_format)
    run(_work(settings, metrics_port), settings)


async def _work(settings: Settings, metrics_port: int | None) -> None:
    import structlog

    from api.cli.server import stopped_by_signals, until
    from api.wiring import open_shop

    logger = structlog.get_logger("daybook.worker")
    with contextlib.suppress(asyncio.CancelledError), stopped_by_signals() as stopped:
        async with open_shop(settings, workers=True, patience_s=settings.start_patience_seconds) as shop:
            told = contextlib.nullcontext() if metrics_port is None else shop.metrics.told(settings.host, metrics_port)
            with told, rarely_collected():
                logger.info("working", mode=settings.mode.value)
                await until(stopped)
    logger.info("stopped")
