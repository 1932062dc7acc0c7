"""A mail server on a port of its own choosing, which keeps what it takes and answers as it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiosmtpd.smtp import SMTP, Envelope, Session


class MailServer:
    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.to_recipient = self.to_data = "250 OK"
        self.url = ""
        self.refused = 0
        """How many letters it would not take."""

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, to: str, options: list[str]) -> str:
        if self.to_recipient.startswith("250"):
            envelope.rcpt_tos.append(to)
        return self.to_recipient

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.to_data.startswith("250"):
            self.envelopes.append(envelope)
        else:
            self.refused += 1
        return self.to_data


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    kept = MailServer()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(kept), "127.0.0.1", 0)
    async with server:
        kept.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield kept
