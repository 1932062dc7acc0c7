"""What an operator can set, where each setting comes from, and the refusal to start when a needed one is missing."""

import base64
import os
import secrets
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from infrastructure.data_dir import kept_secret
from infrastructure.setting_forms import (
    KEY_BYTES,
    HttpUrl,
    Key,
    Keys,
    MailServer,
    PublicKeys,
    WebhookSecrets,
    key_bytes,
    listed,
)
from infrastructure.vault import MasterKeys

if TYPE_CHECKING:
    from events.paper import Seller

SECRET_KEY_CHARACTERS_MIN = 32

_CHECKOUT = Path(__file__).resolve().parents[1]
# A checkout keeps its state beside its code, wherever it is called from; an installed Daybook, where it is called.
HOME = _CHECKOUT if (_CHECKOUT / "pyproject.toml").is_file() else Path.cwd()


class Mode(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class SettingsRefused(Exception):
    """The settings cannot be used; the message names each variable and what is wrong with it."""


class Settings(BaseSettings):
    """All settings, from the environment and then `.env` (or the file that DAYBOOK_ENV_FILE names); `.env.example`
    has a line for each."""

    model_config = SettingsConfigDict(
        env_prefix="DAYBOOK_",
        env_file=os.environ.get("DAYBOOK_ENV_FILE", HOME / ".env"),
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
        frozen=True,
        hide_input_in_errors=True,
    )

    mode: Mode = Mode.PRODUCTION
    database_url: Annotated[SecretStr | None, Field(validation_alias="DATABASE_URL")] = None
    database_direct_url: Annotated[SecretStr | None, Field(validation_alias="DATABASE_DIRECT_URL")] = None
    redis_url: Annotated[SecretStr | None, Field(validation_alias="REDIS_URL")] = None
    secret_key: Annotated[
        SecretStr | None, Field(validation_alias="SECRET_KEY", min_length=SECRET_KEY_CHARACTERS_MIN)
    ] = None
    master_key: Annotated[Key | None, Field(validation_alias="MASTER_KEY")] = None
    other_master_keys: Keys = SecretStr("")
    invoice_retention_years: Annotated[int, Field(ge=0, le=100)] = 0
    sealing_key: Annotated[Key | None, Field(validation_alias="SEALING_KEY")] = None
    retired_sealing_keys: PublicKeys = ""
    seal_within_seconds: Annotated[float, Field(gt=0, le=3_600)] = 5
    data_dir: Path = HOME / ".daybook"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(validation_alias=AliasChoices("DAYBOOK_PORT", "PORT"), ge=0, le=65_535)] = 8000
    workers_in_process: bool = True
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    pool_size: Annotated[int, Field(ge=1, le=1_000)] = 10
    database_patience_seconds: Annotated[float, Field(ge=0, le=60)] = 5
    start_patience_seconds: Annotated[float, Field(ge=0, le=3_600)] = 60
    idempotency_key_days: Annotated[int, Field(ge=1, le=3_650)] = 30
    access_trail_days: Annotated[int, Field(ge=30, le=36_500)] = 730
    feed_listeners: Annotated[int, Field(ge=0)] = 10_000
    request_body_limit_bytes: Annotated[int, Field(ge=1_024)] = 1_048_576
    state_cache_streams: Annotated[int, Field(ge=0)] = 50_000
    near_cache_mb: Annotated[int, Field(ge=0, le=100_000)] = 64
    key_prefix: Annotated[str, Field(min_length=1)] = "daybook:"
    metrics_token: SecretStr | None = None
    search_language: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")] = "english"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    shop_name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\r\n<>]+$")] = "Daybook"
    smtp_url: MailServer | None = None
    mail_from: Annotated[str, Field(pattern=r"^[^\r\n]*[^@\s]+@[^@\s]+$")] = "shop@localhost"
    account_url: Annotated[str, Field(pattern=r"^(https?://[!-~]+)?$")] = ""
    verify_addresses: bool | None = None
    cors_origins: str = ""
    allowed_hosts: str = ""
    sign_ins_per_minute: Annotated[int, Field(ge=0)] = 600
    commands_per_minute: Annotated[int, Field(ge=0)] = 30_000
    queries_per_minute: Annotated[int, Field(ge=0)] = 120_000
    payment_gateway: Literal["sandbox"] = "sandbox"
    gateway_url: HttpUrl | None = None
    gateway_key: SecretStr | None = None
    webhook_secret: WebhookSecrets | None = None
    public_url: Annotated[str | None, Field(pattern=r"^https?://[!-~]+[^/]$")] = None
    access_token_minutes: Annotated[int, Field(ge=1, le=1_440)] = 15
    session_days: Annotated[int, Field(ge=1, le=365)] = 90
    session_idle_days: Annotated[int, Field(ge=1, le=365)] = 14
    password_rounds: Annotated[int, Field(ge=10, le=16)] = 12
    reservation_minutes: Annotated[int, Field(ge=1, le=10_080)] = 15
    seller_name: Annotated[str, Field(max_length=200)] = ""
    seller_address: Annotated[str, Field(max_length=1_000)] = ""
    seller_tax_id: Annotated[str, Field(max_length=100)] = ""

    @model_validator(mode="after")
    def _production_has_no_defaults(self) -> Self:
        needed = {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SECRET_KEY": self.secret_key,
            "MASTER_KEY": self.master_key,
        }
        missing = [name for name, value in needed.items() if value is None]
        if self.mode is Mode.PRODUCTION and missing:
            raise ValueError(
                f"in production mode {', '.join(missing)} must be set, in the environment or in .env "
                "(to try Daybook out: daybook serve --dev)"
            )
        return self

    @model_validator(mode="after")
    def _direct_is_beside_pooled(self) -> Self:
        if self.database_direct_url is not None and self.database_url is None:
            raise ValueError("DATABASE_DIRECT_URL goes with DATABASE_URL: set both, or DATABASE_URL alone")
        return self

    @property
    def pooled(self) -> bool:
        """Whether DATABASE_URL is a pooler's, since the database itself is said to be elsewhere."""
        return self.database_direct_url is not None and self.database_direct_url != self.database_url

    @property
    def seller(self) -> "Seller":
        """In whose name invoices are issued from now on."""
        from events.paper import Seller

        lines = tuple(line.strip() for line in self.seller_address.split(";") if line.strip())
        return Seller(self.seller_name or self.shop_name, lines, self.seller_tax_id)

    @property
    def development(self) -> bool:
        return self.mode is Mode.DEVELOPMENT

    @property
    def unproven_may_sign_in(self) -> bool:
        """Whether who has registered may sign in before they have answered the letter to their address.

        If nothing is set, only where no letters go out to people: in development, and without a mail server."""
        wanted = not self.development and self.smtp_url is not None
        return not (wanted if self.verify_addresses is None else self.verify_addresses)

    def signing_key(self) -> str:
        """The secret that signs tokens and cursors; in development made once and kept in `data_dir`.

        Raises:
            SettingsRefused: the kept file is unreadable or too short to be a secret.
        """
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        secret = _kept_secret(path := self.data_dir / "secret_key", lambda: secrets.token_urlsafe(48))
        if len(secret) < SECRET_KEY_CHARACTERS_MIN:
            raise SettingsRefused(f"{path} holds no usable secret; delete it and a new one is made")
        return secret

    def master_keys(self) -> MasterKeys:
        """What wraps the keys of persons; in development made once and kept in `data_dir`.

        Raises:
            SettingsRefused: the kept file is unreadable or holds no key.
        """
        if self.master_key is not None:
            current = key_bytes(self.master_key.get_secret_value())
        else:
            current = self._kept_key("master_key")
        return MasterKeys(current, map(key_bytes, listed(self.other_master_keys.get_secret_value())))

    def sealing_seed(self) -> bytes | None:
        """The private key that seals the book (32 bytes, RFC 8032); in development made once and kept in `data_dir`.

        None in production without SEALING_KEY: the shop works, and its book is not sealed.

        Raises:
            SettingsRefused: the kept file is unreadable or holds no key.
        """
        if self.sealing_key is not None:
            return key_bytes(self.sealing_key.get_secret_value())
        if not self.development:
            return None
        return self._kept_key("sealing_key")

    def webhook_secrets(self) -> list[str]:
        """What the gateway signs webhooks with, the newest first; in development made once and kept in `data_dir`.

        Empty in production without DAYBOOK_WEBHOOK_SECRET: then no webhook is taken.

        Raises:
            SettingsRefused: the kept file is unreadable.
        """
        if self.webhook_secret is not None:
            return listed(self.webhook_secret.get_secret_value())
        if not self.development:
            return []
        made = base64.b64encode(secrets.token_bytes(32)).decode()
        return [_kept_secret(self.data_dir / "webhook_secret", lambda: f"whsec_{made}")]

    def webhook_url(self) -> str:
        """Where the gateway is to send its webhooks."""
        base = self.public_url or f"http://{self.host}:{self.port}"
        return f"{base}/v1/payments/webhooks/{self.payment_gateway}"

    def retired_public_keys(self) -> list[bytes]:
        """Of those who sealed before: their seals stay good."""
        return [key_bytes(key) for key in listed(self.retired_sealing_keys)]

    def _kept_key(self, name: str) -> bytes:
        kept = self.data_dir / name
        try:
            return key_bytes(_kept_secret(kept, lambda: base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()))
        except ValueError as error:
            raise SettingsRefused(f"{kept}: {error}") from None


def _kept_secret(path: Path, make: Callable[[], str]) -> str:
    try:
        return kept_secret(path, make)
    except OSError as error:
        raise SettingsRefused(f"the development secret cannot be read: {error}") from None
