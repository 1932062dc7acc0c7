"""Telling the gateway's webhooks from anybody's: signatures as Standard Webhooks has them (HMAC-SHA256)."""

from collections.abc import Mapping, Sequence

from standardwebhooks import Webhook, WebhookVerificationError


class WebhookRefused(Exception):
    """It is not signed by whom we know, or too long ago, or for another time."""


def verified(body: bytes, headers: Mapping[str, str], secrets: Sequence[str]) -> str:
    """The id of the event that was signed with one of these secrets, at most five minutes ago. Raises WebhookRefused.

    Two secrets are good at once while one replaces the other."""
    why = "no webhook secret is set"
    for secret in secrets:
        try:
            Webhook(secret).verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, ValueError) as error:  # what is not even a signature is a ValueError
            why = str(error)
        else:
            return headers["webhook-id"]
    raise WebhookRefused(why)
