"""How much travels together: where others store most, all that those who were answered ask for again as well."""

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import pytest

from infrastructure.committer import Committer
from tests.unit.test_committer import Server, raw

CALLERS, ROUNDS = 8, 6


class Working(asyncio.Event):
    """A database that takes its time, in which whoever was answered may ask again."""

    async def wait(self) -> Literal[True]:
        for _ in range(10):
            await asyncio.sleep(0)
        return True


class Shared(Server):
    """Before each batch it stores so many facts of others for each one of ours."""

    def __init__(self, others: int) -> None:
        super().__init__()
        self.others, self.head, self.free = others, 0, Working()

    def store(self, facts: Sequence[int]) -> dict[str, Any]:
        self.head += self.others * sum(facts)
        return super().store(facts)


async def batches_of_callers(others: int) -> list[int]:
    """Each caller asks again as soon as he is answered, and half of them come while the first batch is under way."""
    server = Shared(others)

    async def caller(committer: Committer) -> None:
        for _ in range(ROUNDS):
            await committer.submit(raw())

    async with asyncio.timeout(60), Committer(server.connect) as committer:
        early = [asyncio.create_task(caller(committer)) for _ in range(CALLERS // 2)]
        while not server.batches:
            await asyncio.sleep(0)
        await asyncio.gather(*early, *(caller(committer) for _ in range(CALLERS // 2)))
    return server.batches


@pytest.mark.parametrize("others", [2, 3])
async def test_among_many_processes_those_who_were_answered_travel_with_those_who_waited(others: int) -> None:
    assert (await batches_of_callers(others))[:ROUNDS] == [CALLERS // 2] + [CALLERS] * (ROUNDS - 1)


@pytest.mark.parametrize("others", [0, 1])
async def test_alone_or_in_two_the_database_works_while_those_who_were_answered_go_on(others: int) -> None:
    assert set(await batches_of_callers(others)) == {CALLERS // 2}
