"""The page on which a shopper confirms a payment, as a bank would show it."""

import html

from events.values import Money
from infrastructure.sandbox.ledger import Row

_SAID = {
    "action_required": "Do you approve this payment?",
    "captured": "This payment is approved, and the money is taken.",
    "authorized": "This payment is approved, and the money is set aside for the shop.",
    "declined": "This payment is declined. No money is taken.",
    "voided": "The shop does not want this payment any more. No money is taken.",
}
_FORM = """<form method="post">
<button class="yes" formaction="?answer=approve">Approve</button>
<button formaction="?answer=decline">Decline</button></form>"""
_DONE = "<p>You can close this page and go back to the shop.</p>"
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Sandbox bank</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #222; background: #f3f4f6; margin: 0 }}
main {{ max-width: 26rem; margin: 4rem auto; padding: 1.5rem 2rem; background: #fff; border-radius: .5rem }}
h1 {{ font-size: 1rem; color: #555; margin: 0 }}
.amount {{ font-size: 2rem; margin: .5rem 0 0 }}
small {{ color: #555; overflow-wrap: anywhere }}
button {{ font: inherit; padding: .5rem 1.25rem; border: 1px solid #888; border-radius: .25rem; background: #fff }}
.yes {{ color: #fff; background: #14532d; border-color: #14532d }}
</style><main><h1>Sandbox bank</h1>{body}<p><small>This bank is a toy: no money moves.</small></p></main></html>"""


def page(payment: Row) -> str:
    """Once it is decided, there is nothing to press any more."""
    amount = Money(payment["amount"], payment["currency"])
    status = payment["status"]
    said = _SAID.get(status, f"This payment is {status}.")
    about = f'<p class="amount">{_text(amount)}</p><small>Order {_text(payment["order_id"])}</small>'
    return _PAGE.format(body=f"{about}<p>{_text(said)}</p>{_FORM if status == 'action_required' else _DONE}")


def no_page(reason: str) -> str:
    return _PAGE.format(body=f"<p>{_text(reason)}</p>")


def _text(value: object) -> str:
    return html.escape(str(value))
