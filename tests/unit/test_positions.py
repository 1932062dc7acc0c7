"""Waiting for positions: woken, in time, and never deaf to a cancellation."""

import asyncio
import sys

import pytest

from infrastructure.positions import Positions


async def test_who_waits_is_woken_when_the_position_is_reached() -> None:
    positions = Positions()
    waiting = asyncio.create_task(positions.reach("head", 5, 10))
    await asyncio.sleep(0)
    positions.advance("head", 4)
    await asyncio.sleep(0)
    assert not waiting.done()
    positions.advance("head", 7)
    assert await waiting


async def test_what_does_not_come_in_time_is_said_so() -> None:
    assert not await Positions().reach("head", 1, 0.01)


@pytest.mark.parametrize("reached", [0, 1_000])
async def test_nothing_is_kept_of_who_waits_no_longer(reached: int) -> None:
    positions, wanted = Positions(), int("1000")
    held = sys.getrefcount(wanted)
    waiting = asyncio.create_task(positions.reach("head", wanted, 0.01))
    await asyncio.sleep(0)
    positions.advance("head", reached)
    await waiting
    del waiting
    assert sys.getrefcount(wanted) == held


async def test_positions_never_go_back() -> None:
    positions = Positions()
    positions.advance("head", 9)
    positions.advance("head", 3)
    assert positions["head"] == 9
    assert await positions.reach("head", 9, 0)


async def test_how_far_projections_were_can_be_forgotten_and_the_head_stays() -> None:
    positions = Positions()
    positions.advance("head", 9)
    positions.advance("cart", 9)
    positions.forgotten()
    assert (positions["head"], positions["cart"]) == (9, 0)
    positions.advance("cart", 3)
    assert positions["cart"] == 3


async def test_a_cancellation_that_comes_together_with_the_position_is_not_lost() -> None:
    positions = Positions()
    waiting = asyncio.create_task(positions.reach("head", 1, 10))
    await asyncio.sleep(0)
    positions.advance("head", 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
