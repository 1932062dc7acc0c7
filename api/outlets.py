"""Who is reached outside the shop, as its settings say: the payment gateway and the post."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from pydantic import SecretStr

from commands.gateway import Gateway
from infrastructure.data_dir import make_data_dir
from infrastructure.http_gateway import open_gateway
from infrastructure.mail.post import FolderPost, Post, SmtpPost
from infrastructure.sandbox.server import sandbox_served
from infrastructure.settings import Settings

log = structlog.get_logger(__name__)


@asynccontextmanager
async def gateway_of(settings: Settings) -> AsyncIterator[Gateway | None]:
    """In development without DAYBOOK_GATEWAY_URL, a sandbox that is served along."""
    async with AsyncExitStack() as stack:
        url, key = settings.gateway_url, plain(settings.gateway_key)
        if url is None and settings.development:
            make_data_dir(settings.data_dir)
            [secret, *_] = settings.webhook_secrets()
            url = await stack.enter_async_context(sandbox_served(settings.data_dir, secret))
        if url is None:
            yield None
        else:
            yield await stack.enter_async_context(open_gateway(url, key or "daybook", settings.webhook_url()))


def post_of(settings: Settings) -> Post | None:
    """None where no mail server is set in production: the log says so, and no letters go out."""
    if settings.smtp_url is not None:
        return SmtpPost(settings.smtp_url.get_secret_value(), settings.mail_from)
    if settings.development:
        return FolderPost(settings.data_dir / "mailbox", settings.mail_from)
    log.warning("not_mailing", reason="DAYBOOK_SMTP_URL is not set, so customers get no letters")
    return None


def plain(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()
