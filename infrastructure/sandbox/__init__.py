"""A payment gateway that moves no money: a small HTTP server of its own, which behaves as its test tokens say."""

TOKENS = {
    "tok_approve": "The money is taken, or set aside, at once.",
    "tok_decline": "The card is declined.",
    "tok_unavailable": "There never is an answer (503).",
    "tok_timeout": "The money is taken, and the first answer to that is lost (504).",
    "tok_action_required": "The shopper has to confirm at a URL; a webhook says what came of it.",
    "tok_late": "The answer is pending; a second later the money is taken, and a webhook says so.",
    "tok_webhook_twice": "As tok_late, and every webhook comes twice at once.",
    "tok_webhook_disorder": "As tok_late, and the webhook of the capture comes before that of the authorization.",
    "tok_capture_decline": "The money can be set aside, and no part of it be taken.",
    "tok_refund_decline": "The money is taken, and no refund succeeds.",
    "tok_refund_late": "The money is taken; refunds are pending for a second, and a webhook says that they are done.",
}
"""What can be asked to pay with. Any other token is declined."""
