"""What must hold between the streams of a shop, read from its bare facts: goods and money are neither made nor lost."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import reduce

from commands.order import Order, orders
from events import Event, stream_of
from events.order import OrderEvent, OrderPaid, OrderPlaced, OrderReturned
from events.paper import CreditNoteIssued, InvoiceIssued
from events.payment import PaymentCaptured, PaymentRefunded, PaymentRequested, RefundFailed, RefundRequested
from events.stock import StockAdjusted, StockCommitted, StockEvent, StockReceived, StockReturned, StockWrittenOff
from events.store import Bare
from projections.money_entry import money_entry
from projections.order_summary import OrderSummaryRow, order_summary
from projections.sale import sold_for
from projections.stock_level import moved

AT = datetime(2026, 5, 1, tzinfo=UTC)


def broken_laws(facts: Iterable[Event]) -> list[str]:
    """Each law that does not hold, with its figures; none, ever."""
    known = list(facts)
    laws = _goods, _parcels, _returns, _papers, _revenue, _asked, _invoices
    return [flaw for law in laws for flaw in law(known)]


def _goods(facts: list[Event]) -> Iterator[str]:
    """Units in = on hand + sold - returned + written off, of each SKU."""
    came, sold, returned, written_off, on_hand = (Counter[str]() for _ in range(5))
    for fact in facts:
        if isinstance(fact, StockEvent):
            on_hand[fact.sku] += moved(fact)[0]
        match fact:
            case StockReceived(sku, quantity):
                came[sku] += quantity
            case StockAdjusted(sku, delta):
                came[sku] += delta
            case StockCommitted(sku, _, quantity):
                sold[sku] += quantity
            case StockReturned(sku, _, quantity):
                returned[sku] += quantity
            case StockWrittenOff(sku, _, quantity):
                written_off[sku] += quantity
    for each in came:
        figures = came[each], on_hand[each], sold[each], returned[each], written_off[each]
        if figures[0] != figures[1] + figures[2] - figures[3] + figures[4]:
            yield f"{each}: in, on hand, sold, returned, written off are {figures}"


def _parcels(facts: list[Event]) -> Iterator[str]:
    """What the orders say was sent and came back, the stock says too."""
    sold, returned = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for fact in facts:
        match fact:
            case StockCommitted(sku, order_id, quantity):
                sold[order_id, sku] += quantity
            case StockReturned(sku, order_id, quantity):
                returned[order_id, sku] += quantity
    for each, order in _orders(facts).items():
        for article, ordered in order.quantities.items():
            sent = ordered - order.unsent(article) if order.parcels else 0
            if (sent, order.returned.get(article, 0)) != (sold[each, article], returned[each, article]):
                yield f"{each}: {article} was sent and returned otherwise than the stock says"


def _returns(facts: list[Event]) -> Iterator[str]:
    """The first n units of an article that came back were worth what n of them were sold for, to the cent below."""
    placed = {fact.order_id: fact for fact in facts if isinstance(fact, OrderPlaced)}
    back = Counter[tuple[str, str]]()
    worth = Counter[tuple[str, str]]()
    for fact in facts:
        if isinstance(fact, OrderReturned):
            order = placed[fact.order_id]
            for each in fact.units:
                article = fact.order_id, each.sku
                back[article] += each.quantity
                worth[article] += each.worth.amount
                lines = [line for line in order.lines if line.sku == each.sku]
                ordered, paid = sum(line.quantity for line in lines), sum(sold_for(line, order) for line in lines)
                if worth[article] != paid * back[article] // ordered:
                    yield f"{article}: {back[article]} of {ordered} sold for {paid} came back as {worth[article]}"


def _papers(facts: list[Event]) -> Iterator[str]:
    """An invoice is what the order costs, and less its credit notes it is the money that is here: the revenue."""
    known, credited, held = _orders(facts), Counter[str](), Counter[str]()
    invoiced: dict[str, int] = {}
    for fact in facts:
        match fact:
            case InvoiceIssued(order_id=order_id, total=total):
                if order_id in invoiced:
                    yield f"{order_id} has two invoices"
                invoiced[order_id] = total.amount
            case CreditNoteIssued(order_id=order_id, amount=amount):
                credited[order_id] += amount.amount
            case PaymentCaptured(order_id=order_id, amount=amount):
                held[order_id] += amount.amount
            case PaymentRefunded(order_id=order_id, amount=amount):
                held[order_id] -= amount.amount
            case OrderReturned(order_id, _, units):
                worth = sum(each.worth.amount for each in units)
                if not 0 <= worth <= known[order_id].total.amount:
                    yield f"{order_id}: goods worth {worth} came back"
    for each, invoice in invoiced.items():
        cost = known[each].total.amount
        if invoice != cost:
            yield f"{each} costs {cost}, and its invoice says {invoice}"
        if invoice - credited[each] != min(held[each], invoice):
            yield f"{each}: invoice {invoice}, credit {credited[each]}, money {held[each]}"


def _revenue(facts: list[Event]) -> Iterator[str]:
    """Captured - refunded = revenue, of each order, whoever is asked: the rules, the order's page and the till."""
    known, rows = _orders(facts), Counter[str]()
    lives: dict[str, OrderSummaryRow | None] = {}
    for n, fact in enumerate(facts, 1):
        if isinstance(fact, OrderEvent) and fact.order_id in known:
            lives[fact.order_id] = order_summary.evolve(
                lives.get(fact.order_id), Bare(fact, stream_of(fact), n, n, AT), ()
            )
        if isinstance(fact, PaymentCaptured | PaymentRefunded):
            row = money_entry.evolve(None, Bare(fact, stream_of(fact), n, n, AT), ())
            assert row is not None
            rows[row.order_id] += row.captured_minor - row.refunded_minor
    for each, order in known.items():
        if (life := lives[each]) is None:
            continue
        page = life.captured_minor - life.refunded_minor
        if not 0 <= order.held == page == rows[each]:
            yield f"{each}: the rules hold {order.held}, the page says {page}, the till {rows[each]}"
        going_back = sum(sum(way.refunding.values()) for way in order.payments.values())
        if going_back != (shown := sum(way.refunding_minor for way in life.payments)):
            yield f"{each}: {going_back} are on their way back, and {shown} are shown"
        if (order.status, order.payment) != (life.status, life.payment):
            yield f"{each} is {order.status} and {order.payment}, and shown as {life.status} and {life.payment}"


def _asked(facts: list[Event]) -> Iterator[str]:
    """Whoever pays is asked for what the order costs, less the money that is here and not on its way back."""
    total, held = Counter[str](), Counter[str]()
    going_back: dict[str, dict[str, int]] = defaultdict(dict)
    for fact in facts:
        match fact:
            case OrderPlaced(order_id=order_id, total=cost):
                total[order_id] = cost.amount
            case PaymentRequested(order_id=order_id, amount=asked):
                missing = total[order_id] - held[order_id] + sum(going_back[order_id].values())
                if asked.amount != missing:
                    yield f"{order_id}: {missing} is missing, and {asked.amount} was asked for"
            case PaymentCaptured(order_id=order_id, amount=amount):
                held[order_id] += amount.amount
            case RefundRequested(order_id=order_id, refund_id=refund_id, amount=amount):
                going_back[order_id][refund_id] = amount.amount
            case PaymentRefunded(order_id=order_id, refund_id=refund_id, amount=amount):
                held[order_id] -= amount.amount
                going_back[order_id].pop(refund_id, None)
            case RefundFailed(order_id=order_id, refund_id=refund_id):
                going_back[order_id].pop(refund_id, None)


def _invoices(facts: list[Event]) -> Iterator[str]:
    """Whoever has paid has an invoice, nobody else has one, and it is the sum of what was ordered."""
    known = _orders(facts)
    placed = {fact.order_id: fact for fact in facts if isinstance(fact, OrderPlaced)}
    paid = {fact.order_id for fact in facts if isinstance(fact, OrderPaid)}
    invoices = {fact.order_id: fact for fact in facts if isinstance(fact, InvoiceIssued) and fact.order_id in known}
    if paid != set(invoices):
        yield f"paid and without an invoice, or the other way round: {paid ^ set(invoices)}"
    for each, invoice in invoices.items():
        order = placed[each]
        cost = sum(sold_for(line, order) for line in order.lines)
        cost += sold_for(order.shipping, order) if order.shipping else 0
        if (invoice.total.amount, invoice.number) != (cost, known[each].invoice):
            yield f"{each}: what was ordered costs {cost}; {invoice.number} says {invoice.total.amount}"
        captured = sum(f.amount.amount for f in facts if isinstance(f, PaymentCaptured) and f.order_id == each)
        if captured < cost:
            yield f"{each} is paid with {captured} of {cost}"


def _orders(facts: list[Event]) -> dict[str, Order]:
    by_order: dict[str, list[OrderEvent]] = {}
    for fact in facts:
        if isinstance(fact, OrderEvent) and (fact.order_id in by_order or isinstance(fact, OrderPlaced)):
            by_order.setdefault(fact.order_id, []).append(fact)
    fold = orders("").fold
    return {order_id: reduce(fold.evolve, lives, fold.initial) for order_id, lives in by_order.items()}
