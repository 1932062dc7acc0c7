"""The live feed over a real socket: nothing missed and nothing twice, whoever drops, lags, filters or never reads."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from functools import partial

import asyncpg
import pytest
import pytest_asyncio

from api import sse
from events.store import StoreBusy, Unacknowledged
from infrastructure.ring import Ring
from infrastructure.settings import Settings
from tests.e2e.serving import Listener, note, serving
from tests.e2e.shop_client import Caller, ShopClient
from tests.kinds import EMBEDDED_ALONE
from tests.waiting import eventually, takes_less_than

pytestmark = EMBEDDED_ALONE

FACTS_KEPT = 30
KILL_THE_OTHERS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(settings: Settings) -> AsyncIterator[ShopClient]:
    """With a memory so short that those who are a little behind must read the book."""
    async with serving(settings.model_copy(update={"workers_in_process": False})) as (client, _):
        client.shop.tail.new_ring = partial(Ring, facts_max=FACTS_KEPT)
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(served: ShopClient) -> Caller:
    return await served.admin()


async def test_listeners_miss_nothing_and_get_nothing_twice_while_others_write(
    served: ShopClient, admin: Caller
) -> None:
    start = await note(served, "before", 100)
    everything, dropping, filtered = (
        Listener(admin, served.http),
        Listener(admin, served.http, after=start - 50),
        Listener(admin, served.http, actor="ben"),
    )
    mine: list[int] = []

    async def write(actor: str) -> None:
        for n in range(40):
            last = await note(served, f"{actor}-{n}", facts := random.randint(1, 4), actor)
            if actor == "ben":
                mine.extend(range(last - facts + 1, last + 1))
            await asyncio.sleep(random.random() * 0.01)

    end = asyncio.get_running_loop().create_future()

    async def listen(listener: Listener, drop_after: int | None = None) -> None:
        reading = asyncio.create_task(listener.until(2**60, drop_after=drop_after))
        position = await end
        await eventually(lambda: _has(listener, position))
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    async with asyncio.TaskGroup() as group:
        group.create_task(listen(everything))
        group.create_task(listen(dropping, drop_after=7))
        group.create_task(listen(filtered))
        await asyncio.gather(*(write(actor) for actor in ("ann", "ben", "cid", "dan")))
        end.set_result(await note(served, "last", actor="ben"))
    head = end.result()
    assert everything.positions == list(range(1, head + 1))
    assert dropping.positions == list(range(start - 49, head + 1))
    assert filtered.positions == [*sorted(mine), head]


async def _there_are(served: ShopClient, listeners: int) -> bool:
    return served.shop.tail.listeners >= listeners


async def _has(listener: Listener, position: int) -> bool:
    return (listener.last_id or 0) >= position


async def test_wherever_a_listener_begins_it_gets_all_that_follows(served: ShopClient, admin: Caller) -> None:
    async with contextlib.aclosing(Listener(admin, served.http, after="head").listen()) as keeps_it_awake:
        await anext(keeps_it_awake)
        head = await note(served, "begin", 2 * FACTS_KEPT)
        await anext(keeps_it_awake)
        for after in range(head - FACTS_KEPT - 5, head):
            listener = Listener(admin, served.http, after=after)
            await listener.until(head)
            assert listener.positions == list(range(after + 1, head + 1))


async def test_a_database_that_goes_away_for_a_while_is_waited_for(
    served: ShopClient, admin: Caller, database_url: str
) -> None:
    start = await note(served, "there")
    live, behind = Listener(admin, served.http, after=start), Listener(admin, served.http, after=1, type="NameClaimed")
    tasks = [asyncio.create_task(each.until(2**60)) for each in (live, behind)]
    assassin = await asyncpg.connect(database_url)
    for n in range(5):
        await asyncio.sleep(0.1)
        await assassin.execute(KILL_THE_OTHERS)
        with contextlib.suppress(StoreBusy, Unacknowledged):
            await note(served, f"away-{n}")
    await assassin.close()
    await eventually(lambda: _has(live, start + 1))
    end = await note(served, "back")
    await eventually(lambda: _has(live, end))
    await eventually(lambda: _has(behind, end))
    for task in tasks:
        assert not task.done()  # the connection has held
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert live.positions == list(range(start + 1, end + 1))
    assert behind.positions == sorted(set(behind.positions))
    assert behind.positions[-len(live.positions) :] == live.positions


async def test_the_events_are_those_of_the_feed_as_json(served: ShopClient, admin: Caller) -> None:
    end = await note(served, "same", 3)
    listener = Listener(admin, served.http, after=end - 3)
    await listener.until(end)
    page = await admin.request("GET", "/v1/events", params={"after": end - 3})
    assert listener.events == page.json()["data"]
    assert listener.headers["content-type"].startswith("text/event-stream")
    assert listener.headers["cache-control"] == "no-store"
    assert "content-encoding" not in listener.headers  # a compressor would keep events back


async def test_a_fact_reaches_a_listener_at_once(served: ShopClient, admin: Caller) -> None:
    listener, noted = Listener(admin, served.http, after="head"), []
    async with contextlib.aclosing(listener.listen()) as heard:
        await anext(heard)

        async def reached() -> None:
            noted.append(await note(served, "quick"))
            await anext(heard)

        await reached()
        assert await takes_less_than(0.5, reached)  # a poll would take a second
    assert listener.positions == noted


async def test_each_filter_passes_what_it_names(served: ShopClient, admin: Caller) -> None:
    start = await served.shop.store.head()
    asked = {"type": "CategoryCreated", "stream": "claim-eve-3-0", "actor": "eve", "correlation": "about-eve-5"}
    listeners = {name: Listener(admin, served.http, after=start, **{name: value}) for name, value in asked.items()}
    both = Listener(admin, served.http, after=start, actor="eve", type="CategoryCreated")
    tasks = [asyncio.create_task(each.until(2**60)) for each in (*listeners.values(), both)]
    await eventually(lambda: _there_are(served, len(tasks)))
    positions = [await note(served, f"eve-{n}", actor="eve" if n != 4 else "fay") for n in range(8)]
    await served.category()
    created = await served.shop.store.head()
    while (await admin.request("GET", "/v1/events", params={"after": created - 1})).json()["data"][0][
        "type"
    ] != "CategoryCreated":
        created -= 1
    await eventually(lambda: _has(listeners["type"], created))
    await eventually(lambda: _has(listeners["actor"], positions[-1]))
    await eventually(lambda: _has(listeners["stream"], positions[3]))
    await eventually(lambda: _has(listeners["correlation"], positions[5]))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert listeners["type"].positions == [created]
    assert listeners["stream"].positions == [positions[3]]
    assert listeners["actor"].positions == [*positions[:4], *positions[5:]]
    assert listeners["correlation"].positions == [positions[5]]
    assert both.positions == []


async def test_the_place_to_go_on_from_moves_even_when_nothing_matches(
    served: ShopClient, admin: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_S", 0.2)
    start = await note(served, "idle")
    listener = Listener(admin, served.http, after=start, actor="nobody")
    async with contextlib.aclosing(listener.listen()) as heard:
        await anext(heard)
        await anext(heard)
        assert (listener.last_id, listener.comments) == (None, 2)  # alive, and nowhere to go
        end = await note(served, "idle", 3 * FACTS_KEPT)
        await anext(heard)
        await anext(heard)
    assert (listener.last_id, listener.events) == (end, [])
    await Listener(admin, served.http, actor="nobody").until(end)  # through the past too


async def test_a_position_beyond_the_book_is_refused(served: ShopClient, admin: Caller) -> None:
    head = await served.shop.store.head()
    ask = partial(admin.request, "GET", "/v1/events")
    sse_only = {"Accept": "text/event-stream"}
    beyond = await ask(headers={**sse_only, "Last-Event-ID": str(head + 1)})
    assert (beyond.status_code, beyond.json()["code"]) == (409, "conflict")
    for headers in ({"Last-Event-ID": "x"}, {"Last-Event-ID": "-1"}):
        assert (await ask(headers={**sse_only, **headers})).status_code == 422
    for asked in ({"after": "-1"}, {"after": "tail"}, {"after": "9" * 30}, {"limit": "3"}):
        refused = await ask(params=asked, headers=sse_only)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, f"?{next(iter(asked))}")
    assert (await ask(headers={"Accept": "image/png"})).status_code == 406
    assert (await served.guest().request("GET", "/v1/events", headers=sse_only)).status_code == 401
