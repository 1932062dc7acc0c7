"""Every report over spans, periods and currencies, as of any position, against a plain computation from the facts."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
import pytest_asyncio

from events.order import OrderPaid, OrderPlaced, OrderReturned, Returned
from events.payment import PaymentRefunded
from events.store import Append, Recorded
from events.values import ProductId, RefundId
from projections import PROJECTIONS
from queries.reports import carts, customers, inventory, sales
from queries.reports.question import PERIODS, Period, Question, Report
from queries.reports.summary import Summary, summary
from queries.rows import Money, Window
from tests.integration import naive_reports as naive
from tests.integration.naive_world import Given, World, sold_for, world
from tests.integration.tally import Engine, open_engine
from tests.integration.told_history import OPENED, history
from tests.unit import pasts

EVER = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
SOME_WEEKS = (OPENED + timedelta(days=17, hours=5), OPENED + timedelta(days=61, hours=9))
READ = set("cart cart_entry catalog_entry money_entry price_entry return_line sale sale_line stock_entry".split())
LATER_SEED = 99

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Told:
    engine: Engine
    facts: list[Recorded]

    async def tell(self, seed: int) -> None:
        for at, events in history(seed):
            await self.engine.store.append(Append(list(events), occurred_at=at))
        await self.engine.projector(*(each for each in PROJECTIONS if each.name in READ)).catch_up()
        self.facts = list(await self.engine.store.read_all(0, limit=100_000))

    def questions(self) -> list[tuple[Question, World]]:
        head = self.facts[-1].position
        worlds = {as_of: world(self.facts, as_of) for as_of in (head // 3, head - head // 5, head)}
        chosen = itertools.product(worlds, (EVER, SOME_WEEKS), ("USD", "EUR"))
        return [(Question(as_of, *span, currency), worlds[as_of]) for as_of, span, currency in chosen]

    async def rows(self, report: Report[Any], question: Question, period: Period | None = None) -> list[Any]:
        part = await report.part(self.engine.pool, question, period, Window(100_000), {})
        assert part.next is None
        return list(part.rows)

    async def summary(self, question: Question) -> Summary:
        return await summary(self.engine.pool, question)

    async def everything(self, question: Question) -> list[Any]:
        reports: list[Report[Any]] = [
            *sales.sales.values(),
            customers.customers,
            customers.customers_each,
            inventory.inventory,
            inventory.inventory_by_period,
            carts.funnel,
            carts.abandoned_carts,
            carts.abandoned_carts_by_period,
        ]
        told = [await self.rows(report, question, period) for report in reports for period in report.listings]
        return [*told, await self.summary(question), await inventory.totals(self.engine.pool, question)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(database_url: str) -> AsyncIterator[Told]:
    async with open_engine(database_url, ()) as engine:
        told = Told(engine, [])
        await told.tell(seed=5)
        yield told


def amount(money: Money | None) -> int | None:
    return None if money is None else money.amount


async def test_sales_are_what_orders_and_money_say(told: Told) -> None:
    for (question, known), period, by in itertools.product(told.questions(), PERIODS, sales.GROUPINGS):
        rows = await told.rows(sales.sales[by], question, period)
        found = [
            (row.period, row.group_id, row.group, row.orders, row.units, row.revenue.amount, row.refunded.amount)
            for row in rows
        ]
        assert len(found) == len(set(found)) and set(found) == naive.sales(known, question, period, by), (question, by)
        for row in rows:
            assert row.average_order.amount == naive.average(row.revenue.amount, row.orders)
            assert row.net.amount == row.revenue.amount - row.refunded.amount
        if by and not period:
            assert [row.revenue.amount for row in rows] == sorted((row.revenue.amount for row in rows), reverse=True)


async def test_of_a_refund_no_cent_of_the_goods_is_lost(told: Told) -> None:
    """What is not shared out among the lines is the part of the postage, less than a cent off for each refund."""
    question = Question(told.facts[-1].position, *EVER, "USD")
    shared = sum(row.refunded.amount for row in await told.rows(sales.sales["product"], question))
    shares = [each for each in world(told.facts, question.as_of).shares if each[1].total.currency == "USD"]
    parts = [_exactly(placed, after) - _exactly(placed, before) for _, placed, before, after in shares]
    assert any(sum(after.own) for *_, after in shares)
    assert any(part.denominator > 1 for part in parts) and abs(shared - sum(parts)) < len(parts)


async def test_money_for_what_came_back_is_given_back_by_these_goods(own_database_url: str) -> None:
    """The worked example of docs/reports.md."""
    small, large = pasts.LINES
    goods = replace(small, product_id=ProductId("prd_small")), replace(large, product_id=ProductId("prd_large"))
    order = OrderPlaced(pasts.ORDER, pasts.ANN, goods, pasts.TOTAL)
    back = OrderReturned(pasts.ORDER, pasts.RETURN, (Returned(pasts.SMALL, 1, True, "main", pasts.eur(700)),), "broken")
    shares = []
    async with open_engine(own_database_url, ()) as engine:
        told = Told(engine, [])
        await engine.store.append(
            Append([order, pasts.captured, OrderPaid(pasts.ORDER, pasts.PAYMENT, pasts.TOTAL), back])
        )
        for name, amount_minor in ((pasts.RETURN, 700), ("ref_1", 1_000), ("ref_2", 600)):
            money = PaymentRefunded(pasts.ORDER, pasts.PAYMENT, pasts.eur(amount_minor), "r", "why", RefundId(name))
            question = Question((await engine.store.append(Append([money]))).position, *EVER, "EUR")
            await engine.projector(*(each for each in PROJECTIONS if each.name in READ)).catch_up()
            rows = await told.rows(sales.sales["product"], question)
            given = {str(row.group_id): row.refunded.amount for row in rows}
            shares.append((given["prd_small"], given["prd_large"]))
    assert shares == [(700, 0), (1_137, 563), (1_400, 900)]


def _exactly(placed: OrderPlaced, given: Given) -> Fraction:
    own, goods = sum(given.own), sum(sold_for(line, placed) for line in placed.lines)
    return own + (Fraction(given.rest * (goods - own), left) if (left := placed.total.amount - own) else Fraction(0))


async def test_the_summary_adds_up_to_the_periods_and_what_came_less_what_went_is_what_is_left(told: Told) -> None:
    for question, known in told.questions():
        whole = await told.summary(question)
        for period in PERIODS:
            rows = await told.rows(sales.sales[None], question, period)
            assert whole.orders == sum(row.orders for row in rows)
            assert whole.units == sum(row.units for row in rows)
            for name in ("revenue", "refunded", "net"):
                assert amount(getattr(whole, name)) == sum(getattr(row, name).amount for row in rows)
        placed = [order for order in known.orders.values() if order.placed.total.currency == question.currency]
        assert whole.placed_orders == sum(question.since <= order.placed_at < question.until for order in placed)
        paid = [order for order in placed if order.paid_at and question.since <= order.paid_at < question.until]
        sent = [(order.placed.shipping, order.placed) for order in paid]
        assert whole.shipping.amount == sum(sold_for(shipping, order) for shipping, order in sent if shipping)
        begun = list(naive.funnel(known, question, None))
        carts_begun, checkouts, _, _, without = begun[0][1:] if begun else (0, 0, 0, 0, 0)
        assert (whole.carts, whole.conversion) == (
            carts_begun - without,
            naive.rate(checkouts - without, carts_begun - without),
        )
        if question.since == EVER[0]:
            kept = sum(came - went for _, order_id, came, went in known.money if known.orders[order_id] in placed)
            assert whole.net.amount == kept


async def test_customers_are_new_once_and_worth_what_they_left_in_the_till(told: Told) -> None:
    for (question, known), period in itertools.product(told.questions(), PERIODS):
        rows = await told.rows(customers.customers, question, period)
        assert {
            (row.period, row.customers, row.new, row.orders, row.lifetime_value.amount) for row in rows
        } == naive.customers(known, question, period)
        assert all(row.returning == row.customers - row.new for row in rows)
        each = await told.rows(customers.customers_each, question)
        worths = naive.worths(known, question)
        for row in each:
            money = row.revenue.amount, row.refunded.amount, row.lifetime_value.amount
            assert money == worths[row.customer_id] and question.since <= row.first_order_at < question.until
        assert len(each) == sum(row.new for row in await told.rows(customers.customers, question, "day"))
        assert [row.lifetime_value.amount for row in each] == sorted(worths[row.customer_id][2] for row in each)[::-1]


async def test_the_funnel_narrows(told: Told) -> None:
    for (question, known), period in itertools.product(told.questions(), PERIODS):
        rows = await told.rows(carts.funnel, question, period)
        found = {(row.period, row.carts, row.checkouts, row.paid, row.shipped, row.without_cart) for row in rows}
        assert found == naive.funnel(known, question, period)
        for row in rows:
            assert row.carts >= row.checkouts >= row.paid >= row.shipped
            assert row.conversion == naive.rate(row.checkouts - row.without_cart, row.carts - row.without_cart)


async def test_abandoned_carts_hold_what_was_put_in_and_not_taken_out(told: Told) -> None:
    for question, known in told.questions():
        found = await told.rows(carts.abandoned_carts, question)
        expected = naive.abandoned(known, question)
        assert [
            (row.cart_id, row.customer_id, row.begun_at, row.last_touched_at, row.lines, row.units, row.value.amount)
            for row in found
        ] == expected
        for period in PERIODS:
            rows = await told.rows(carts.abandoned_carts_by_period, question, period)
            assert {row.period for row in rows} == {naive.named(row[3], period) for row in expected}
            assert sum(row.carts for row in rows) == len(expected)
            for name, place in (("lines", 4), ("units", 5)):
                assert sum(getattr(row, name) for row in rows) == sum(row[place] for row in expected)
            assert sum(row.value.amount for row in rows) == sum(row[6] for row in expected)


async def test_inventory_is_what_came_less_what_went(told: Told) -> None:
    for question, known in told.questions():
        items = await told.rows(inventory.inventory, question)
        assert [
            (
                *(row.sku, row.location, row.opening, row.received, row.sold, row.returned, row.written_off),
                *(row.adjusted, row.moved, row.on_hand),
                *(row.low, amount(row.unit_price), amount(row.value)),
            )
            for row in items
        ] == naive.inventory(known, question)
        for row in items:
            came = row.received + row.returned + row.adjusted + row.moved
            assert row.on_hand == row.opening + came - row.sold - row.written_off
            assert row.sell_through == naive.rate(row.sold - row.returned, row.opening + row.received)
        whole = await inventory.totals(told.engine.pool, question)
        assert (whole.items, whole.low) == (len(items), sum(row.low for row in items))
        assert whole.value.amount == sum(row.value.amount for row in items if row.value)
        assert whole.on_hand == sum(row.on_hand for row in items)
        periods: tuple[Period, ...] = ("day", "week", "month")
        for period in periods:
            rows = await told.rows(inventory.inventory_by_period, question, period)
            assert [
                (
                    *(row.period, row.opening, row.received, row.sold, row.returned, row.written_off),
                    *(row.adjusted, row.moved, row.on_hand),
                )
                for row in rows
            ] == naive.movements(known, question, period)


async def test_what_was_said_as_of_then_is_said_again_whatever_has_happened_since(told: Told) -> None:
    then = told.facts[-1].position
    questions = [Question(then, *span, currency) for span in (EVER, SOME_WEEKS) for currency in ("USD", "EUR")]
    said = [await told.everything(question) for question in questions]
    now = [await told.everything(Question(then * 2, *EVER, "USD"))]
    await told.tell(LATER_SEED)
    assert [await told.everything(question) for question in questions] == said
    assert [await told.everything(Question(then * 2, *EVER, "USD"))] != now
