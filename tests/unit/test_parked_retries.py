"""`daybook parked retry --all`: one queue that cannot be tried keeps none of the others waiting."""

from types import SimpleNamespace
from typing import Any

import pytest

from api.cli import parked
from commands.rejections import NotFound
from events.store import PositionsArchived
from infrastructure import parking


async def test_a_queue_that_is_archived_or_gone_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = [SimpleNamespace(projection="sale", key=key, id=n) for n, key in enumerate("aabcd")]
    errors: dict[int, Exception] = {0: PositionsArchived(5, []), 2: NotFound("parked fact", "2")}
    tried = []

    async def waiting(shop: Any) -> Any:
        return facts

    async def retry(pool: Any, store: Any, parked_id: int) -> None:
        tried.append(parked_id)
        if parked_id in errors:
            raise errors[parked_id]

    monkeypatch.setattr(parked, "_parked", waiting)
    monkeypatch.setattr(parking, "retry", retry)
    shop: Any = SimpleNamespace(pool=None, store=None)
    with pytest.raises(PositionsArchived):
        await parked._retried(shop)
    assert tried == [0, 2, 3, 4], "each queue once, and the last one too"
    del errors[0]
    assert await parked._retried(shop) == len(facts)
