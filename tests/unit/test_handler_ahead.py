"""Reading ahead: what commands are about to need is read in few and bounded pages, and never trusted blindly."""

from collections.abc import Collection, Sequence

import pytest

from commands import streams
from commands.handler import Handler
from commands.user import STAFF, GrantRole, RegisterUser, users
from events.store import Append, Recorded
from events.user import RoleGranted, UserRegistered
from events.values import UserId
from infrastructure.memory_store import MemoryEventStore

ANNE, BERT, CLEO = UserId("usr_anne"), UserId("usr_bert"), UserId("usr_cleo")
EVERYONE = [users(user) for user in (ANNE, BERT, CLEO)]


class CountingStore(MemoryEventStore):
    """Remembers which streams were read together."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[set[str]] = []

    async def read(self, streams: Collection[str]) -> Sequence[Recorded]:
        self.reads.append(set(streams))
        return await super().read(streams)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


async def test_what_was_read_ahead_is_not_read_again(store: CountingStore) -> None:
    await store.append(Append([UserRegistered(ANNE, "anne@example.com"), UserRegistered(BERT, "bert@example.com")]))
    handler = Handler(store)
    await handler.warm(EVERYONE)
    assert store.reads == [{users(ANNE).stream, users(BERT).stream}]
    await handler(GrantRole(ANNE, STAFF))
    await handler(RegisterUser(CLEO, "cleo@example.com"))
    await handler.warm(EVERYONE)
    assert len(store.reads) == 1


async def test_long_streams_are_read_ahead_in_pages(store: CountingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_FACTS_WARMED", 3)
    for user in (ANNE, BERT, CLEO):
        await store.append(Append([UserRegistered(user, "someone@example.com"), RoleGranted(user, STAFF)]))
    await Handler(store).warm(EVERYONE)
    assert store.reads == [{ref.stream} for ref in EVERYONE]


async def test_a_page_is_filled_whatever_is_new_among_the_streams(
    store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_FACTS_WARMED", 4)
    new, *known = (users(UserId(f"usr_{n}")) for n in range(5))
    for ref in known:
        user = UserId(ref.stream.removeprefix("user-"))
        await store.append(Append([UserRegistered(user, "someone@example.com"), RoleGranted(user, STAFF)]))
    await Handler(store).warm([new, *known])
    assert store.reads == [{ref.stream for ref in known[:2]}, {ref.stream for ref in known[2:]}]


async def test_what_was_read_ahead_may_have_moved_meanwhile(store: CountingStore) -> None:
    handler = Handler(store)
    await handler.warm(EVERYONE)
    await store.append(Append([UserRegistered(ANNE, "anne@example.com")]))
    done = await handler(RegisterUser(ANNE, "anne@example.com"))
    assert not done.events
    assert await handler.versions(EVERYONE) == {ref.stream: int(ref is EVERYONE[0]) for ref in EVERYONE}


async def test_what_was_forgotten_is_read_again(store: CountingStore) -> None:
    handler = Handler(store)
    await handler(RegisterUser(ANNE, "anne@example.com"))
    handler.forget([users(ANNE)])
    store.reads.clear()
    await handler(GrantRole(ANNE, STAFF))
    assert store.reads == [{users(ANNE).stream}]
