"""Customers are told once of each fact, whatever fails in between, and never of the distant past."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from commands.handler import Handler
from events import Event
from events.mail import MailRefused, MailSent
from events.order import OrderPaid, OrderPlaced
from events.store import Append, Recorded
from infrastructure.mail.mailing import NEWS_FOR, mailing
from infrastructure.mail.post import Letter, MailUnavailable, Undeliverable
from infrastructure.memory_store import MemoryEventStore
from tests.unit.pasts import ANN, LINES, ORDER, PAYMENT, TOTAL, registered

PLACED, PAID = OrderPlaced(ORDER, ANN, LINES, TOTAL), OrderPaid(ORDER, PAYMENT, TOTAL)


@dataclass
class Pigeons:
    """Take letters, or fail as they are told."""

    failures: list[Exception] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)

    async def send(self, letter: Letter) -> None:
        self.letters.append(letter)
        if self.failures:
            raise self.failures.pop()


class House:
    """A book with these facts in it, and who writes letters about them."""

    def __init__(self, pigeons: Pigeons) -> None:
        self.store, self.pigeons = MemoryEventStore(), pigeons
        self.handler = Handler(self.store)
        self.mailing = mailing(pigeons, self.store, shop="Tea House", domain="tea.example")

    async def happened(self, *events: Event, ago: timedelta = timedelta()) -> Sequence[Recorded]:
        known = await self.store.head()
        for event in events:
            await self.store.append(Append([event], {}, occurred_at=datetime.now(UTC) - ago))
        return await self.store.read_all(known, limit=100)

    async def tell(self, fact: Recorded) -> Sequence[Event]:
        """As the worker does: send, then record."""
        known = await self.store.head()
        if commands := await self.mailing.react(fact, self.handler):
            await self.handler(*commands)
        return [each.event for each in await self.store.read_all(known, limit=100)]


async def test_a_customer_is_told_once_of_each_fact() -> None:
    house = House(Pigeons())
    _, placed, paid = await house.happened(registered, PLACED, PAID)
    assert await house.tell(placed) == [MailSent(ORDER, str(placed.id), "order_placed", "ann@example.org", ANN)]
    assert await house.tell(paid) == [MailSent(ORDER, str(paid.id), "order_paid", "ann@example.org", ANN)]
    assert await house.tell(placed) == []
    assert [letter.to for letter in house.pigeons.letters] == ["ann@example.org"] * 2


async def test_a_letter_that_was_not_taken_is_sent_again_under_the_same_id() -> None:
    house = House(Pigeons([MailUnavailable("away")]))
    _, placed = await house.happened(registered, PLACED)
    with pytest.raises(MailUnavailable):
        await house.tell(placed)
    assert len(await house.tell(placed)) == 1
    first, second = house.pigeons.letters
    assert first.message_id == second.message_id == f"{placed.id}@tea.example"


async def test_a_letter_that_cannot_be_delivered_is_written_off() -> None:
    house = House(Pigeons([Undeliverable("550")]))
    _, placed = await house.happened(registered, PLACED)
    assert await house.tell(placed) == [MailRefused(ORDER, str(placed.id), "order_placed", "550")]
    assert await house.tell(placed) == []
    assert len(house.pigeons.letters) == 1


async def test_a_letter_shows_the_order_as_it_was_then() -> None:
    house = House(Pigeons())
    _, placed, _ = await house.happened(registered, PLACED, PAID)
    await house.tell(placed)
    assert "thank you for your order" in house.pigeons.letters[0].text


async def test_nobody_is_told_of_the_distant_past() -> None:
    house = House(Pigeons())
    await house.happened(registered)
    (placed,) = await house.happened(PLACED, ago=NEWS_FOR + timedelta(minutes=1))
    assert await house.tell(placed) == []
    (paid,) = await house.happened(PAID, ago=NEWS_FOR - timedelta(minutes=1))
    assert len(await house.tell(paid)) == 1
    assert len(house.pigeons.letters) == 1


async def test_an_address_that_was_given_with_the_order_comes_first() -> None:
    house = House(Pigeons())
    _, placed = await house.happened(registered, replace(PLACED, email="guest@example.org"))
    await house.tell(placed)
    assert [letter.to for letter in house.pigeons.letters] == ["guest@example.org"]


async def test_who_has_no_address_gets_no_letter() -> None:
    house = House(Pigeons())
    (placed,) = await house.happened(PLACED)
    assert await house.tell(placed) == []
    assert house.pigeons.letters == []


def test_where_there_is_no_post_no_fact_is_read() -> None:
    assert mailing(None, MemoryEventStore(), shop="Tea House", domain="tea.example").reacts_to == ()
