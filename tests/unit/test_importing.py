"""Bringing history in: to the cent, once, at its own times, and on again from wherever it stopped."""

from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import islice

import pytest

from api import importing
from api.import_units import tree
from api.importing import ACTOR, fill_demo_shop, import_complete_journey
from commands.handler import Handler
from commands.product import products
from commands.stock import AdjustStock, stocks
from events import Event
from events.order import OrderPlaced
from events.payment import PaymentCaptured, PaymentRequested
from events.product import ProductCreated
from events.store import Append, Appended, StoreBusy, Unacknowledged
from events.user import UserRegistered
from events.values import DEFAULT_LOCATION, Sku
from infrastructure.complete_journey.history import OPENED_AT, Cause
from infrastructure.complete_journey.sample import demo_history
from infrastructure.memory_store import MemoryEventStore
from tests.sales_in_book import book_of, totals_of
from tests.till_totals import totals_of_sample
from tests.unit.untidy import untidy_history


class FailingStore(MemoryEventStore):
    """Takes `good` appends, then fails with `error` for `failures` times."""

    def __init__(self, good: int, error: Exception, failures: int = 1_000_000, *, stores: bool = False) -> None:
        super().__init__()
        self.good, self.error, self.failures, self.stores = good, error, failures, stores

    async def append(self, append: Append) -> Appended:
        if self.good or not self.failures:
            self.good -= self.good > 0
            return await super().append(append)
        self.failures -= 1
        if self.stores:
            await super().append(append)
        raise self.error


async def streams_of(store: MemoryEventStore) -> dict[str, list[Event]]:
    """The book without the order in which streams met, which is a matter of luck."""
    streams: defaultdict[str, list[Event]] = defaultdict(list)
    for fact in await book_of(store):
        streams[fact.stream].append(fact.event)
    return streams


@pytest.fixture
def store() -> MemoryEventStore:
    return MemoryEventStore()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PAUSES_S", (0.0,) * 5)


async def test_the_book_says_what_the_till_says_to_the_cent(store: MemoryEventStore) -> None:
    report = await fill_demo_shop(Handler(store))
    facts = await book_of(store)
    assert totals_of(facts) == totals_of_sample()
    assert report.facts == len(facts)
    assert report.content.total_minor == totals_of_sample().total_minor
    assert not report.refused


async def test_asking_again_adds_nothing(store: MemoryEventStore) -> None:
    first = await fill_demo_shop(Handler(store))
    head = await store.head()
    again = await fill_demo_shop(Handler(store))
    assert await store.head() == head
    assert again.facts == 0
    assert {name: (tally.there, tally.added) for name, tally in again.stages.items()} == {
        name: (tally.there, 0) for name, tally in first.stages.items()
    }


@pytest.mark.parametrize("good", [0, 3, 100, 350, 600])
async def test_an_interrupted_import_goes_on_where_it_stopped(store: MemoryEventStore, good: int) -> None:
    broken = FailingStore(good, RuntimeError("the power went out"))
    with pytest.raises(RuntimeError, match="the power went out"):
        await fill_demo_shop(Handler(broken))
    broken.failures = 0
    await fill_demo_shop(Handler(broken))
    await fill_demo_shop(Handler(store))
    assert await streams_of(broken) == await streams_of(store)


@pytest.mark.parametrize("error", [StoreBusy("full"), Unacknowledged("gone")])
async def test_a_store_that_is_away_for_a_moment_is_asked_again(store: MemoryEventStore, error: Exception) -> None:
    shaky = FailingStore(400, error, failures=20, stores=isinstance(error, Unacknowledged))
    report = await fill_demo_shop(Handler(shaky))
    await fill_demo_shop(Handler(store))
    assert await streams_of(shaky) == await streams_of(store)
    assert not report.refused


async def test_a_store_that_stays_away_ends_the_import() -> None:
    with pytest.raises(StoreBusy):
        await fill_demo_shop(Handler(FailingStore(400, StoreBusy("full"))))


async def test_the_first_baskets_come_with_what_they_need_and_no_more(store: MemoryEventStore) -> None:
    report = await import_complete_journey(Handler(store), demo_history(), baskets=10)
    facts = [fact.event for fact in await book_of(store)]
    placed = [fact for fact in facts if isinstance(fact, OrderPlaced)]
    assert len(placed) == report.content.baskets == 10
    assert {fact.product_id for fact in facts if isinstance(fact, ProductCreated)} == {
        line.product_id for order in placed for line in order.lines
    }
    assert {fact.user_id for fact in facts if isinstance(fact, UserRegistered)} == {
        order.customer_id for order in placed
    }


async def test_a_part_can_be_followed_by_the_whole(store: MemoryEventStore) -> None:
    in_parts = MemoryEventStore()
    for baskets in (10, 200, None):
        await import_complete_journey(Handler(in_parts), demo_history(), baskets=baskets)
    await fill_demo_shop(Handler(store))
    assert await streams_of(in_parts) == await streams_of(store)


async def test_facts_are_of_their_own_time_and_name_the_import(store: MemoryEventStore) -> None:
    await import_complete_journey(Handler(store), demo_history(), baskets=3)
    facts = await book_of(store)
    placed = [fact for fact in facts if isinstance(fact.event, OrderPlaced)]
    assert [fact.occurred_at for fact in placed] == [basket.at for basket in islice(demo_history().baskets(), 3)]
    assert {fact.occurred_at for fact in facts if isinstance(fact.event, ProductCreated)} == {OPENED_AT}
    assert {fact.metadata.actor for fact in facts} == {ACTOR}
    assert {fact.metadata.command for fact in placed} == {"RecordSale"}


async def test_no_gateway_is_asked_for_money_that_was_taken_long_ago(store: MemoryEventStore) -> None:
    await fill_demo_shop(Handler(store))
    kinds = Counter(type(fact.event) for fact in await book_of(store))
    assert kinds[PaymentCaptured] == kinds[OrderPlaced] > 0
    assert not kinds[PaymentRequested]


async def test_untidy_rows_are_counted_by_cause_and_an_empty_basket_is_no_order(store: MemoryEventStore) -> None:
    report = await import_complete_journey(Handler(store), untidy_history())
    content = report.content
    assert (content.baskets, content.empty_baskets, content.lines, content.units) == (4, 1, 4, 89_646)
    assert content.left_out == {Cause.NO_QUANTITY: 1, Cause.NO_VALUE: 1, Cause.NEITHER: 2}
    assert content.left_out_minor[Cause.NO_QUANTITY] == 249
    assert report.stages["baskets"].added == 3
    assert len(content.households) == 3


async def test_a_line_keeps_its_total_where_no_unit_price_divides_into_it(store: MemoryEventStore) -> None:
    await import_complete_journey(Handler(store), untidy_history())
    facts = [fact.event for fact in await book_of(store)]
    lines = [line for fact in facts if isinstance(fact, OrderPlaced) for line in fact.lines]
    assert [(line.quantity, line.unit_price.amount, line.total.amount) for line in lines] == [
        (2, 150, 300),
        (89_638, 1, 25_000),
        (3, 33, 100),
        (3, 167, 500),
    ]


async def test_what_the_shop_refuses_is_told_and_the_rest_comes_in(store: MemoryEventStore) -> None:
    handler = Handler(store)
    await import_complete_journey(handler, untidy_history(), baskets=1)
    await handler(AdjustStock(Sku("CJ-1"), -102, "broken"))
    report = await import_complete_journey(handler, untidy_history())
    assert report.refused == {"out_of_stock": 1}
    assert report.stages["baskets"].added == 1
    await handler(AdjustStock(Sku("CJ-1"), 102, "found again"))
    assert (await import_complete_journey(handler, untidy_history())).stages["baskets"].added == 1


async def test_what_is_left_after_the_last_sale_is_the_spare_stock(store: MemoryEventStore) -> None:
    handler = Handler(store)
    await import_complete_journey(handler, untidy_history())
    for number in untidy_history().articles:
        stock = await handler.read(stocks(f"CJ-{number}", DEFAULT_LOCATION))
        assert (stock.on_hand, stock.reserved) == (100, 0)


async def test_progress_is_told_for_every_stage(store: MemoryEventStore) -> None:
    told: dict[str, tuple[int, int]] = {}

    def on_progress(stage: str, done: int, there: int) -> None:
        assert done >= told.get(stage, (0, 0))[0]
        told[stage] = done, there

    await import_complete_journey(Handler(store), demo_history(), on_progress=on_progress)
    assert list(told) == ["categories", "products", "customers", "baskets"]
    assert all(done == there for done, there in told.values())


async def test_a_small_memory_for_states_changes_nothing(store: MemoryEventStore) -> None:
    await fill_demo_shop(Handler(store, cached_streams=10))
    assert totals_of(await book_of(store)) == totals_of_sample()


def test_the_tree_has_parents_first_and_articles_without_category_in_their_department() -> None:
    places = [tuple(place) for place in tree(untidy_history().articles.values())]
    assert places == sorted(places)
    assert ("UNKNOWN", "") in places and ("DRUG GM", "") in places
    assert {(department, "") for department, _ in places} <= set(places)


async def test_every_product_is_on_sale_under_a_slug_of_its_own(store: MemoryEventStore) -> None:
    handler = Handler(store)
    await fill_demo_shop(handler)
    created = [fact.event for fact in await book_of(store) if isinstance(fact.event, ProductCreated)]
    assert len({product.slug for product in created}) == len(created)
    product = await handler.read(products(created[0].product_id))
    assert product.status.value == "ACTIVE" and len(product.variants) == 1


def test_opened_before_the_first_sale() -> None:
    assert OPENED_AT == datetime(2017, 1, 1, tzinfo=UTC) < min(basket.at for basket in demo_history().baskets())
