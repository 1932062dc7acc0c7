"""Invoices and credit notes over HTTP: what stands on them, who may see them, originals and copies."""

from typing import Any

import httpx

from tests.e2e.shop_client import Caller, ShopClient
from tests.waiting import eventually

PDF = {"Accept": "application/pdf"}


async def _cancelled(client: ShopClient, customer: Caller) -> str:
    """An order that was paid, cancelled, and refunded."""
    product = await client.product(price=1_999)
    order_id = await client.paid_order(customer, {product.sku: 2})
    answer = await customer.post(f"/v1/orders/{order_id}/cancel", {"reason": "changed my mind"})
    assert answer.status_code == 200, answer.text

    async def refunded() -> bool:
        return bool((await customer.get(f"/v1/orders/{order_id}")).json()["payment"] == "REFUNDED")

    await eventually(refunded)
    client.position = max(client.position, await client.shop.store.head())
    return order_id


async def test_a_paid_order_has_an_invoice_that_matches_it(shop_client: ShopClient) -> None:
    ann = await shop_client.customer()
    product = await shop_client.product(price=1_999)
    order_id = await shop_client.order(ann, {product.sku: 2})
    missing = await ann.get(f"/v1/orders/{order_id}/invoice")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    await shop_client.pay(ann, order_id)
    order = (await ann.get(f"/v1/orders/{order_id}")).json()
    invoice = (await ann.get(f"/v1/orders/{order_id}/invoice")).json()
    assert invoice["number"] == order["invoice"]
    assert (invoice["order_id"], invoice["kind"]) == (order_id, "invoice")
    assert invoice["total"] == order["total"] == {"amount": 3_998, "currency": "USD"}
    assert [(line["quantity"], line["unit_price"]["amount"], line["total"]["amount"]) for line in invoice["lines"]] == [
        (2, 1_999, 3_998)
    ]
    assert sum(each["gross"]["amount"] for each in invoice["taxes"]) == 3_998
    assert invoice["seller"]["name"] == "Daybook"
    assert invoice["handed_out_at"] is None
    assert (await ann.get(f"/v1/orders/{order_id}/credit-notes")).json() == {"data": []}


async def test_papers_are_their_customers_and_staffs(shop_client: ShopClient) -> None:
    ann, bob = await shop_client.customer(), await shop_client.customer("Bob")
    order_id = await _cancelled(shop_client, ann)
    [note] = (await ann.get(f"/v1/orders/{order_id}/credit-notes")).json()["data"]
    for path in ("invoice", "credit-notes", f"credit-notes/{note['number']}"):
        assert (await bob.get(f"/v1/orders/{order_id}/{path}")).status_code == 404
        assert (await shop_client.guest().get(f"/v1/orders/{order_id}/{path}")).status_code == 401
        assert (await (await shop_client.staff()).get(f"/v1/orders/{order_id}/{path}")).status_code == 200
    assert (await ann.get("/v1/invoices")).status_code == 403


async def test_a_refund_has_a_credit_note_that_names_its_invoice(shop_client: ShopClient) -> None:
    ann = await shop_client.customer()
    order_id = await _cancelled(shop_client, ann)
    order = (await ann.get(f"/v1/orders/{order_id}")).json()
    [note] = (await ann.get(f"/v1/orders/{order_id}/credit-notes")).json()["data"]
    assert order["credit_notes"] == [note["number"]]
    assert (note["invoice"], note["total"]) == (order["invoice"], order["total"])
    whole = (await ann.get(f"/v1/orders/{order_id}/credit-notes/{note['number']}")).json()
    assert whole["taxes"] == (await ann.get(f"/v1/orders/{order_id}/invoice")).json()["taxes"]
    wrong = await ann.get(f"/v1/orders/{order_id}/credit-notes/{order['invoice']}")
    assert wrong.status_code == 404


async def test_staff_list_papers_by_year_and_kind(shop_client: ShopClient) -> None:
    ann, staff = await shop_client.customer(), await shop_client.staff()
    order_id = await _cancelled(shop_client, ann)
    listed = (await staff.get("/v1/invoices")).json()["data"]
    assert [(paper["kind"], paper["order_id"]) for paper in listed[:2]] == [
        ("credit_note", order_id),
        ("invoice", order_id),
    ]
    year = listed[0]["issued_at"][:4]
    invoices = (await staff.get("/v1/invoices", **{"filter[kind]": "invoice", "filter[year]": year})).json()["data"]
    assert {paper["kind"] for paper in invoices} == {"invoice"}
    numbers = [paper["number"] for paper in invoices][::-1]
    assert numbers == [f"INV-{year}-{n:06}" for n in range(1, len(numbers) + 1)], "without a gap"
    assert (await staff.get("/v1/invoices", **{"filter[year]": "1999"})).json()["data"] == []


async def test_the_first_page_that_the_customer_takes_is_the_original(shop_client: ShopClient) -> None:
    ann, staff = await shop_client.customer(), await shop_client.staff()
    product = await shop_client.product()
    order_id = await shop_client.paid_order(ann, {product.sku: 1})
    path = f"/v1/orders/{order_id}/invoice"
    number = (await ann.get(path)).json()["number"]

    async def taken(caller: Caller, method: str = "GET") -> tuple[int, str, bytes]:
        answer = await caller.request(method, path, headers={**PDF, "Min-Position": str(shop_client.position)})
        return answer.status_code, answer.headers["Content-Disposition"], answer.content

    copy, original = (f'inline; filename="{number}{end}.pdf"' for end in ("-copy", ""))
    assert (await taken(staff))[:2] == (200, copy)
    assert (await taken(ann, "HEAD"))[1] == copy
    status, name, page = await taken(ann)
    assert (status, name, page[:5]) == (200, original, b"%PDF-")
    assert b"COPY" not in page
    assert (await taken(ann))[1] == copy
    shop_client.position = await shop_client.shop.store.head()
    assert (await ann.get(path)).json()["handed_out_at"] is not None


async def test_a_paper_is_to_be_had_as_json_or_pdf(shop_client: ShopClient) -> None:
    ann = await shop_client.customer()
    product = await shop_client.product()
    order_id = await shop_client.paid_order(ann, {product.sku: 1})
    headers = {"Accept": "text/html", "Min-Position": str(shop_client.position)}
    answer = await ann.request("GET", f"/v1/orders/{order_id}/invoice", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


async def test_the_money_for_goods_that_come_back_is_credited_with_their_lines(shop_client: ShopClient) -> None:
    ann, staff = await shop_client.customer(), await shop_client.staff()
    mug, jug = await shop_client.product(price=1_999), await shop_client.product(price=333)
    order_id = await shop_client.paid_order(ann, {mug.sku: 3, jug.sku: 2})
    path = f"/v1/orders/{order_id}"
    assert (await staff.post(f"{path}/ship", {"carrier": "DHL"})).status_code == 200

    async def returned(sku: str, units: int, refund: Any) -> httpx.Response:
        body = {"lines": [{"sku": sku, "quantity": units}], "reason": "too small", "refund": refund}
        return await staff.post(f"{path}/returns", body)

    async def refunded(amount: int) -> bool:
        return bool((await ann.get(path)).json()["refunded"]["amount"] == amount)

    assert (await returned(mug.sku, 1, refund=True)).status_code == 201
    await eventually(lambda: refunded(1_999))
    assert (await returned(jug.sku, 1, refund={"amount": 100, "currency": "USD"})).status_code == 201
    await eventually(lambda: refunded(2_099))
    assert (await returned(jug.sku, 1, refund=False)).status_code == 201
    shop_client.position = await shop_client.shop.store.head()
    notes = (await ann.get(f"{path}/credit-notes")).json()["data"]
    assert [note["total"]["amount"] for note in notes] == [1_999, 100]
    goods, amount = [(await ann.get(f"{path}/credit-notes/{note['number']}")).json() for note in notes]
    assert [(line["sku"], line["quantity"], line["total"]["amount"]) for line in goods["lines"]] == [
        (mug.sku, 1, 1_999)
    ]
    assert (amount["lines"], amount["reason"]) == ([], "too small")
    assert [[each["gross"]["amount"] for each in paper["taxes"]] for paper in (goods, amount)] == [[1_999], [100]]
    too_much = await returned(mug.sku, 1, refund={"amount": 999_999, "currency": "USD"})
    assert (too_much.status_code, too_much.json()["code"]) == (422, "amount_refused")
    assert len((await ann.get(path)).json()["returns"]) == 3, "what is refused leaves nothing behind"


async def test_an_order_that_costs_nothing_has_its_invoice_too(shop_client: ShopClient) -> None:
    ann = await shop_client.customer()
    product = await shop_client.product(price=0)
    order_id = await shop_client.order(ann, {product.sku: 1})
    assert (await ann.post(f"/v1/orders/{order_id}/pay", {"method": "tok_approve"})).status_code == 202
    order = (await ann.get(f"/v1/orders/{order_id}")).json()
    assert order["status"] == "PAID"
    assert (await ann.get(f"/v1/orders/{order_id}/invoice")).json()["number"] == order["invoice"]
