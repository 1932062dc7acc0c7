"""The store in memory keeps every promise of a store."""

import pytest

from events.store import EventStore
from infrastructure.memory_store import MemoryEventStore
from tests.store_contract import EventStoreContract, name
from tests.store_request_contract import RequestContract

__all__ = ["name"]


@pytest.fixture
def store() -> EventStore:
    return MemoryEventStore()


class TestMemoryEventStore(EventStoreContract, RequestContract):
    pass
