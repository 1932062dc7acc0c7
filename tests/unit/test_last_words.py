"""Facts that the earlier ones of a stream are not needed after, and those that nothing more is expected after."""

import pytest

from commands.cart import Cart, CartLine, evolve
from commands.handler import Handler, Once
from commands.order_life import CompleteOrder
from commands.rejections import Rejected
from events import BEGINS_ANEW, EVENT_TYPES, LAST_WORDS, STREAM_KINDS
from events.cart import CartCheckedOut, CartCleared, CartClosed, CartEvent
from events.store import Append, Archive, StreamArchived
from events.values import CartId, ProductId, Sku
from infrastructure.memory_store import MemoryEventStore
from tests.unit.pasts import CART, ORDER, paid, placed, shipped

LINES = {Sku("A"): CartLine(ProductId("prd_a"), 3)}
OTHER = CartId("cart_other")
EMPTY: dict[type, tuple[CartEvent, Cart]] = {
    CartCheckedOut: (CartCheckedOut(CART, ORDER), Cart(opened=True)),
    CartCleared: (CartCleared(CART), Cart(opened=True)),
    CartClosed: (CartClosed(CART, OTHER), Cart(opened=True, merged_into=OTHER)),
}


@pytest.mark.parametrize("kind", sorted(BEGINS_ANEW, key=str), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "before", [Cart(), Cart(True), Cart(True, {Sku("A"): CartLine(ProductId("prd_a"), 3)}, coupon="X")]
)
def test_a_stream_that_begins_anew_does_not_know_what_was(kind: type, before: Cart) -> None:
    event, after = EMPTY[kind]
    assert evolve(before, event) == after


def test_last_words_are_facts_of_their_streams() -> None:
    assert set(LAST_WORDS) <= set(EVENT_TYPES.values())
    for kind in STREAM_KINDS:
        assert {*kind.ends, *kind.echoes, *kind.begins_anew} <= set(kind.events)
        # What may still be asked of a stream, it must be able to answer: only orders come to an end.
        assert not kind.ends or kind.category == "order"


class _Archived(MemoryEventStore):
    """Has the order in an archive, as if it had restarted since."""

    gone = False

    async def read(self, streams):  # type: ignore[no-untyped-def]
        if self.gone:
            raise StreamArchived(f"order-{ORDER}", [Archive(1, 9, "facts-1-9.ndjson.gz", "00")])
        return await super().read(streams)


async def test_a_repetition_is_answered_though_its_stream_is_archived() -> None:
    store = _Archived()
    await store.append(Append([*placed, *paid, shipped]))
    once = Once("key", b"request", lambda done: b"done")
    await Handler(store)(CompleteOrder(ORDER), once=once)
    store.gone = True
    again = await Handler(store)(CompleteOrder(ORDER), once=once)
    assert again.replayed == b"done"
    with pytest.raises(StreamArchived, match=r"facts-1-9\.ndjson\.gz"):
        await Handler(store)(CompleteOrder(ORDER))
    with pytest.raises(Rejected):
        await Handler(store)(CompleteOrder(ORDER), once=Once("key", b"another request"))
