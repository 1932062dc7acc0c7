"""What a table lacks goes with the table: a rebuild and a rollback neither lose what is parked nor fold it twice."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from commands.handler import Handler
from commands.rejections import NotFound
from events.stock import StockReceived
from events.store import Append, Fact, Metadata
from events.values import Sku
from infrastructure import filling, parking
from infrastructure.book_metrics import BookMetrics
from infrastructure.filling import Progress
from infrastructure.rebuild import Rebuilt, rebuild, roll_back
from projections.projection import Projection
from queries.parked import PARKED, ParkedFact, from_row
from queries.projection import projections
from queries.rows import Window
from tests.integration.tally import Engine, TallyRow, open_engine, tally

WHO = Metadata(actor="usr_1", command="SkipFact")


@dataclass
class Bench:
    """Facts are told apart by their references; those in `troubled` cannot be taken."""

    engine: Engine
    troubled: set[str] = field(default_factory=set)

    @property
    def projection(self) -> Projection[TallyRow]:
        return tally("tally_a", self._spoil)

    def _spoil(self, fact: Fact[Any]) -> None:
        if fact.event.reference in self.troubled:
            raise RuntimeError(f"cannot take {fact.event.reference}")

    async def receive(self, sku: str, references: str) -> None:
        for reference in references:
            await self.engine.store.append(Append([StockReceived(Sku(sku), 1, reference)]))
        await self.engine.projector(self.projection).catch_up()

    async def row(self, sku: str) -> str:
        """The references of the facts that the live row is made of, in the order in which it has taken them."""
        sql = "SELECT coalesce(string_agg(note, '' ORDER BY n), '') FROM tally_a, json_array_elements_text(notes)"
        row: str = await self.engine.pool.fetchval(f"{sql} WITH ORDINALITY AS note (note, n) WHERE sku = $1", sku)
        return row

    async def parked(self) -> list[ParkedFact]:
        part = await PARKED.part(self.engine.pool, Window(100), {})
        return sorted(map(from_row, part.rows), key=lambda fact: fact.position)

    async def reference(self, position: int) -> str:
        sql = "SELECT body ->> 'reference' FROM facts WHERE position = $1"
        reference: str = await self.engine.pool.fetchval(sql, position)
        return reference

    async def rebuild(self, **options: Any) -> Rebuilt:
        return await rebuild(self.engine.pool, self.engine.store, self.projection, owner="me", **options)

    async def roll_back(self) -> int:
        return await roll_back(self.engine.pool, self.engine.store, self.projection)

    async def retry(self, parked_id: int) -> None:
        await parking.retry(self.engine.pool, self.engine.store, parked_id)

    async def skip(self, parked_id: int) -> None:
        handler = Handler(self.engine.store)
        await parking.skip(self.engine.pool, self.engine.store, handler, parked_id, reason="no", metadata=WHO)


@pytest.fixture
async def bench(own_database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    async with open_engine(own_database_url, ("tally_a",)) as engine:
        bench = Bench(engine)
        monkeypatch.setattr(parking, "PROJECTIONS", (bench.projection,))
        yield bench


async def test_what_the_replaced_table_lacked_waits_again_when_it_is_back(bench: Bench) -> None:
    bench.troubled = {"b"}
    await bench.receive("A", "abc")
    before = await bench.parked()
    bench.troubled = set()
    assert (await bench.rebuild()).parked == 0
    await bench.receive("A", "d")
    assert (await bench.row("A"), await bench.parked()) == ("abcd", [])
    assert await bench.roll_back() == 3
    after = await bench.parked()
    assert (await bench.row("A"), after[:2]) == ("a", before)
    assert [fact.error is None for fact in after] == [False, True, True]
    await bench.receive("A", "e")
    await bench.retry(before[1].id)
    assert (await bench.row("A"), await bench.parked()) == ("abcde", [])


async def test_what_only_the_new_table_lacks_goes_and_comes_with_it(bench: Bench) -> None:
    await bench.receive("A", "abc")
    bench.troubled = {"b"}
    assert (await bench.rebuild()).parked == 2
    lacking = await bench.parked()
    assert await bench.roll_back() == 0
    assert (await bench.row("A"), await bench.parked()) == ("abc", [])
    for again in (bench.retry, bench.skip):
        with pytest.raises(NotFound):
            await again(lacking[0].id)
    await bench.receive("A", "d")
    assert await bench.row("A") == "abcd"
    assert await bench.roll_back() == 3
    assert (await bench.row("A"), (await bench.parked())[:2]) == ("a", lacking)


async def test_a_fact_that_both_tables_lack_is_skipped_in_both(bench: Bench) -> None:
    bench.troubled = {"b", "d"}
    await bench.receive("A", "abc")
    await bench.rebuild()
    in_new = await bench.parked()
    assert await bench.roll_back() == 2
    in_old = await bench.parked()
    assert await bench.roll_back() == 2
    assert [fact.id for fact in await bench.parked()] == [fact.id for fact in in_new] != [fact.id for fact in in_old]
    await bench.skip(in_new[0].id)
    assert (await bench.row("A"), await bench.parked()) == ("ac", [])
    await bench.receive("A", "de")
    assert await bench.roll_back() == 2
    assert await bench.row("A") == "ac"
    assert [fact.error for fact in await bench.parked()] == ["RuntimeError: cannot take d", None]


async def test_what_is_dropped_with_its_table_holds_nobody_up(bench: Bench) -> None:
    bench.troubled = {"b"}
    await bench.receive("A", "ab")
    bench.troubled = set()
    await bench.rebuild()
    await bench.rebuild()
    assert await bench.engine.pool.fetchval("SELECT count(*) FROM parked") == 0
    assert await bench.roll_back() == 0
    await bench.receive("A", "c")
    assert await bench.row("A") == "abc"


class Stopped(Exception):
    pass


async def test_what_a_shadow_lacks_is_nobodys_business_until_it_is_live(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("PAGE_FACTS", "LAST_STEP_FACTS"):
        monkeypatch.setattr(filling, limit, 2)
    monkeypatch.setattr(filling, "WRITE_EVERY_S", 0.0)

    def stop(progress: Progress) -> None:
        if progress.position >= 6:
            raise Stopped

    await bench.receive("A", "abcdefghijkl")
    await bench.rebuild()
    bench.troubled = {"b"}
    with pytest.raises(Stopped):
        await bench.rebuild(on_progress=stop)
    pool = bench.engine.pool
    [waiting, *_] = await pool.fetch("SELECT id, projection FROM parked ORDER BY position")
    assert waiting["projection"] == "tally_a__new"
    assert await bench.parked() == []
    with pytest.raises(NotFound):
        await bench.retry(waiting["id"])
    states = await projections(pool)
    assert {state.name: (state.parked, state.troubled) for state in states} == {
        "tally_a": (0, False),
        "tally_a__new": (0, False),
    }
    [family] = [each for each in BookMetrics(0, states).collect() if each.name == "daybook_projection_parked"]
    assert [sample.value for sample in family.samples] == [0, 0]
    assert await bench.roll_back() == 0  # beside a rebuild that was interrupted
    assert await bench.row("A") == "abcdefghijkl"
    assert (await bench.rebuild()).parked == 11
    assert (await bench.parked())[0].id == waiting["id"]
    assert await bench.row("A") == "a"


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_happens_a_row_and_what_waits_for_it_are_all_its_facts(bench: Bench, seed: int) -> None:
    """But for those that were skipped, where a table had not taken them by then."""
    chance, references, sent = random.Random(seed), iter("abcdefghijklmnopqrst"), {"A": "", "B": ""}
    skipped, out_of_live, out_of_old = set[str](), set[str](), set[str]()
    waits_in_old: set[str] | None = None
    for _ in range(18):
        waiting = {each.position: await bench.reference(each.position) for each in await bench.parked()}
        failed = [each for each in await bench.parked() if each.error is not None]
        match chance.choice(["receive", "receive", "rebuild", "roll back", "retry", "skip", "mend"]):
            case "receive":
                reference, sku = next(references), chance.choice("AB")
                bench.troubled |= {reference} if chance.random() < 0.4 else set()
                sent[sku] += reference
                await bench.receive(sku, reference)
            case "mend":
                bench.troubled = {each for each in bench.troubled if chance.random() < 0.5}
            case "rebuild":
                await bench.rebuild()
                out_of_live, out_of_old, waits_in_old = skipped.copy(), out_of_live, set(waiting.values())
            case "roll back" if waits_in_old is not None:
                await bench.roll_back()
                out_of_live, out_of_old = out_of_old | (skipped & waits_in_old), out_of_live
                waits_in_old = set(waiting.values())
            case "retry" if failed:
                await bench.retry(chance.choice(failed).id)
            case "skip" if failed:
                left_out = chance.choice(failed)
                await bench.skip(left_out.id)
                skipped.add(waiting[left_out.position])
                out_of_live.add(waiting[left_out.position])
        parked = await bench.parked()
        for sku, facts in sent.items():
            waits = [await bench.reference(each.position) for each in parked if f'"{sku}"' in each.key]
            assert await bench.row(sku) + "".join(waits) == "".join(each for each in facts if each not in out_of_live)
