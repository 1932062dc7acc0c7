"""SIGINT and SIGTERM end a process that is starting, whatever becomes of the cancellation."""

import asyncio
import contextlib
import signal

import pytest

from api.cli.server import stopped_by_signals, until


async def test_a_stop_that_somebody_swallowed_while_starting_is_not_lost() -> None:
    task = asyncio.current_task()
    assert task is not None
    with stopped_by_signals() as stopped:
        signal.raise_signal(signal.SIGTERM)
        with contextlib.suppress(asyncio.CancelledError):  # as libraries do
            await asyncio.sleep(60)
        with pytest.raises(asyncio.CancelledError):
            stopped(lambda number: None)
    task.uncancel()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_what_waits_for_a_signal_ends_with_it_and_a_second_one_leaves_it_to_end_in_order(number: int) -> None:
    with stopped_by_signals() as stopped:
        asyncio.get_running_loop().call_soon(signal.raise_signal, number)
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(60):
                await until(stopped)
        signal.raise_signal(number)
        await asyncio.sleep(0.1)
