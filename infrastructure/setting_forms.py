"""The forms that settings have: what is wrong with one is said when the service starts, without repeating a secret."""

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

KEY_BYTES = 32
WEBHOOK_BYTES_MIN = 24
"""As Standard Webhooks asks."""


def listed(text: str) -> list[str]:
    """What stands between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def key_bytes(text: str) -> bytes:
    """A key from its base64. Raises ValueError, which does not repeat it."""
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"must be {KEY_BYTES} bytes in base64, such as `openssl rand -base64 32` prints")
    return key


def _are_public_keys(text: str) -> str:
    for key in listed(text):
        key_bytes(key)
    return text


def _are_keys(secret: SecretStr) -> SecretStr:
    _are_public_keys(secret.get_secret_value())
    return secret


def _is_a_key(secret: SecretStr) -> SecretStr:
    key_bytes(secret.get_secret_value())
    return secret


def _are_webhook_secrets(secrets: SecretStr) -> SecretStr:
    for secret in listed(secrets.get_secret_value()):
        try:
            long_enough = len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) >= WEBHOOK_BYTES_MIN
        except binascii.Error:
            long_enough = False
        if not long_enough:
            raise ValueError(f"must be whsec_ and at least {WEBHOOK_BYTES_MIN} bytes in base64; two with a comma")
    return secrets


def _is_a_mail_server(url: SecretStr) -> SecretStr:
    from infrastructure.mail.post import SmtpPost  # it brings half of the shop along

    SmtpPost(url.get_secret_value(), "")
    return url


Key = Annotated[SecretStr, AfterValidator(_is_a_key)]
Keys = Annotated[SecretStr, AfterValidator(_are_keys)]
PublicKeys = Annotated[str, AfterValidator(_are_public_keys)]
WebhookSecrets = Annotated[SecretStr, AfterValidator(_are_webhook_secrets)]
MailServer = Annotated[SecretStr, AfterValidator(_is_a_mail_server)]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[!-~]+$")]
