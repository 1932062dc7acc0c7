"""Workers in processes of their own that are paused for longer than their lease: another goes on, and they do not."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from infrastructure.embedded.lodging import dies_with_parent
from tests.integration.paused_worker import LEASE_S, Moment, Pausing
from tests.integration.tally import Engine, open_engine
from tests.kinds import EMBEDDED_ALONE
from tests.waiting import eventually

pytestmark = EMBEDDED_ALONE

ROUNDS = int(os.environ.get("ROUNDS", "3"))
TABLE = "tally_p"
# Who has moved the checkpoint, from where and to where; rolled back together with it.
_MOVES = f"""
CREATE TABLE moves (n bigserial, worker text, epoch bigint, before bigint, after bigint);
CREATE FUNCTION note_move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO moves (worker, epoch, before, after)
    VALUES (current_setting('application_name'), NEW.epoch, OLD.position, NEW.position);
    RETURN NULL;
END $$;
CREATE TRIGGER note_move AFTER UPDATE OF position ON projections
    FOR EACH ROW WHEN (NEW.name = '{TABLE}') EXECUTE FUNCTION note_move()"""


@pytest.fixture
async def engine(own_database_url: str) -> AsyncIterator[Engine]:
    async with open_engine(own_database_url, (TABLE,)) as engine:
        await engine.pool.execute(_MOVES)
        await engine.pool.execute("INSERT INTO projections (name) VALUES ($1)", TABLE)
        yield engine


Start = Callable[..., contextlib.AbstractContextManager["subprocess.Popen[bytes]"]]


@pytest.fixture
def start(own_database_url: str, tmp_path: Path) -> Start:
    @contextlib.contextmanager
    def started(owner: str, moment: Moment = "", fenced: bool = True) -> Iterator["subprocess.Popen[bytes]"]:
        pausing = Pausing(own_database_url, TABLE, owner, str(tmp_path / "pause"), moment, fenced)
        with (tmp_path / f"{owner}.log").open("wb") as out:
            root = Path(__file__).parents[2]
            worker = subprocess.Popen(
                pausing.command(),
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=dies_with_parent,
            )
            try:
                yield worker
            finally:
                worker.kill()
                worker.wait()

    return started


async def stopped(worker: "subprocess.Popen[bytes]") -> None:
    async def is_stopped() -> bool:
        assert worker.poll() is None
        return psutil.Process(worker.pid).status() == psutil.STATUS_STOPPED

    await eventually(is_stopped)


async def caught_up(engine: Engine) -> None:
    """Up to where the book is now."""
    head = await engine.store.head()

    async def there() -> bool:
        return bool((await engine.checkpoint(TABLE))["position"] >= head)

    await eventually(there)


async def held_by(engine: Engine, *owners: str) -> asyncpg.Record:
    async def held() -> bool:
        return (await engine.checkpoint(TABLE))["owner"] in owners

    await eventually(held)
    return await engine.checkpoint(TABLE)


async def moves(engine: Engine) -> list[tuple[str, int, int, int]]:
    return [tuple(row) for row in await engine.pool.fetch("SELECT worker, epoch, before, after FROM moves ORDER BY n")]


async def is_sound(engine: Engine) -> None:
    """Every position was passed once, by one worker, and the rows say what the book says."""
    at = epoch_before = 0
    for _, epoch, before, after in await moves(engine):
        assert (before, epoch >= epoch_before) == (at, True)
        at, epoch_before = after, epoch
    assert await engine.received(TABLE) == await engine.expected()


@contextlib.asynccontextmanager
async def load(engine: Engine) -> AsyncIterator[None]:
    """Facts go on arriving, most of them for the same few rows."""

    over = asyncio.Event()

    async def receive() -> None:
        n = 0
        while not over.is_set():
            n += 1
            await engine.receive(*[(f"S-{n % 3}", 1), (f"S-{n % 7}", n % 5 + 1)])
            await asyncio.sleep(0.005)

    task = asyncio.create_task(receive())
    try:
        yield
    finally:
        over.set()  # cancelled, its last append could still be stored a moment later
        await task


@pytest.mark.parametrize("moment", ["facts read", "rows folded", "checkpoint written", "rows written"])
async def test_one_that_stops_in_the_middle_of_a_page_is_overtaken_and_writes_nothing_of_it(
    engine: Engine, start: Start, tmp_path: Path, moment: Moment
) -> None:
    """Though it holds locks on the rows, or on the checkpoint itself, when it stops."""
    with start("one", moment) as one:
        await held_by(engine, "one")
        async with load(engine):
            await caught_up(engine)
            (tmp_path / "pause").touch()
            await stopped(one)
            with start("two"):
                before = await held_by(engine, "two")
                await caught_up(engine)
                overtaken = await engine.checkpoint(TABLE)
                assert overtaken["position"] > before["position"]
                one.send_signal(signal.SIGCONT)
                await asyncio.sleep(2 * LEASE_S)
                await caught_up(engine)
                # On a busy machine the second may lose its lease as well: then the first goes on under a newer one.
                workers = [worker for worker, epoch, _, _ in await moves(engine) if epoch == before["epoch"]]
                assert {*workers} <= {"two"}
        await caught_up(engine)
        await is_sound(engine)
        assert one.poll() is None


@pytest.mark.timeout(30 * ROUNDS + 600)
async def test_two_that_are_paused_in_turn_at_any_moment_pass_every_position_once(engine: Engine, start: Start) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    with start("one") as one, start("two") as two:
        workers = {"one": one, "two": two}
        await held_by(engine, "one", "two")
        async with load(engine):
            for _ in range(ROUNDS):
                await caught_up(engine)
                owner = str((await engine.checkpoint(TABLE))["owner"])
                other = {"one": "two", "two": "one"}[owner]
                await asyncio.sleep(chance.random() * 0.3)
                workers[owner].send_signal(signal.SIGSTOP)
                await held_by(engine, other)
                await caught_up(engine)
                workers[owner].send_signal(signal.SIGCONT)
                await asyncio.sleep(chance.random() * LEASE_S)
        await caught_up(engine)
        await is_sound(engine)
    assert {worker for worker, *_ in await moves(engine)} == {"one", "two"}


async def test_without_the_fence_the_one_that_wakes_up_would_spoil_the_rows(
    engine: Engine, start: Start, tmp_path: Path
) -> None:
    """So the tests above can fail."""
    with start("one", "facts read", fenced=False) as one:
        await held_by(engine, "one")
        (tmp_path / "pause").touch()
        await engine.receive(("S", 1))
        await stopped(one)
        with start("two"):
            await held_by(engine, "two")
            await caught_up(engine)
            one.send_signal(signal.SIGCONT)

            async def written() -> bool:
                return any(worker == "one" and after for worker, _, _, after in await moves(engine))

            await eventually(written)
            assert await engine.received(TABLE) == {"S": 2} != await engine.expected()
            with pytest.raises(AssertionError):
                await is_sound(engine)
