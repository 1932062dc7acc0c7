"""Reading through the handler: the present, or what is in memory where that will do; and hearing what was written."""

import asyncio
from collections.abc import Collection, Sequence

import pytest

from commands.handler import Handler
from commands.user import STAFF, GrantRole, users
from events.store import Recorded, StoreBusy
from events.user import RoleGranted, UserRegistered
from events.values import UserId
from tests.unit.held_store import HeldStore, settled

ANNE = UserId("usr_anne")
REF = users(ANNE)
registered, promoted = UserRegistered(ANNE, "anne@example.com"), RoleGranted(ANNE, STAFF)


class CountingStore(HeldStore):
    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    async def read(self, streams: Collection[str]) -> Sequence[Recorded]:
        self.reads += 1
        return await super().read(streams)


@pytest.fixture
async def store() -> CountingStore:
    store = CountingStore()
    await store.happened_elsewhere(registered)
    return store


async def test_a_state_that_will_do_is_read_once_and_also_serves_commands(store: CountingStore) -> None:
    handler = Handler(store)
    for _ in range(2):
        assert (await handler.read(REF, at_least=1)).registered
    await handler(GrantRole(ANNE, STAFF))
    assert STAFF in (await handler.read(REF, at_least=2)).roles
    assert store.reads == 1


async def test_what_others_have_added_is_seen_by_whoever_needs_it(store: CountingStore) -> None:
    handler = Handler(store)
    await handler.read(REF, at_least=1)
    await store.happened_elsewhere(promoted)
    assert STAFF not in (await handler.read(REF, at_least=1)).roles
    assert STAFF in (await handler.read(REF, at_least=2)).roles
    assert STAFF in (await handler.read(REF)).roles
    handler.forget([REF])
    assert STAFF in (await handler.read(REF, at_least=1)).roles


async def test_what_is_not_committed_is_not_read(store: CountingStore) -> None:
    handler = Handler(store)
    store.hold = True
    with handler.watching(REF) as watched:
        asking = asyncio.create_task(handler(GrantRole(ANNE, STAFF)))
        await settled()
        assert STAFF not in (await handler.read(REF, at_least=1)).roles
        await store.let_go(StoreBusy())
        with pytest.raises(StoreBusy):
            await asking
        assert not watched.moved.is_set()


async def test_whoever_watches_is_told_the_state_and_its_position(store: CountingStore) -> None:
    handler = Handler(store)
    with handler.watching(REF) as watched:
        done = await handler(GrantRole(ANNE, STAFF))
        assert watched.moved.is_set()
        assert watched.known is not None
        assert (watched.known.version, watched.position) == (2, done.position)
        assert STAFF in watched.known.state.roles
