"""How a letter leaves the house: by SMTP in production, into a folder in development."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from commands.policy import Unavailable

TIMEOUT_S = 20.0
CONNECTIONS_MAX = 4
NEVER_FROM = 500
"""SMTP replies from here on say that trying again is no use (RFC 5321, 4.2.1)."""


@dataclass(frozen=True, slots=True)
class Letter:
    """`message_id` stays the same however often it is sent: who gets it twice can tell (RFC 5322, 3.6.4)."""

    message_id: str
    to: str
    subject: str
    text: str


class MailUnavailable(Unavailable):
    """The letter has not been taken; it may be the next time."""


class Undeliverable(Exception):
    """The letter will never be taken."""


class Post(Protocol):
    """Takes letters. Raises MailUnavailable or Undeliverable."""

    async def send(self, letter: Letter) -> None: ...


class SmtpPost:
    """A mail server: `smtp://user:password@host:port` (STARTTLS if offered) or `smtps://` (TLS from the start)."""

    def __init__(self, url: str, sender: str) -> None:
        """Raises ValueError for a URL that is neither."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("a mail server is smtp://user:password@host:port or smtps://...")
        self._tls = parts.scheme == "smtps"
        self._host, self._port = parts.hostname, parts.port or (465 if self._tls else 587)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._sender = sender
        self._connections = asyncio.Semaphore(CONNECTIONS_MAX)

    async def send(self, letter: Letter) -> None:
        async with self._connections:
            await self._send(letter)

    async def _send(self, letter: Letter) -> None:
        try:
            await aiosmtplib.send(
                message(letter, self._sender),
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password,
                use_tls=self._tls,
                timeout=TIMEOUT_S,
            )
        except aiosmtplib.SMTPRecipientsRefused as refused:
            codes = [recipient.code for recipient in refused.recipients]
            raise (Undeliverable if min(codes) >= NEVER_FROM else MailUnavailable)(f"refused: {codes}") from None
        except aiosmtplib.SMTPAuthenticationError as error:
            raise MailUnavailable(f"the mail server does not let us in: {error.code}") from None
        except aiosmtplib.SMTPResponseException as error:
            raise (Undeliverable if error.code >= NEVER_FROM else MailUnavailable)(f"{error.code}") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise MailUnavailable(type(error).__name__) from None


class FolderPost:
    """A folder of .eml files, which mail programs open. One file a letter, however often it is sent."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder, self._sender = folder, sender

    async def send(self, letter: Letter) -> None:
        try:
            await asyncio.to_thread(self._write, letter)
        except OSError as error:
            raise MailUnavailable(str(error)) from None

    def _write(self, letter: Letter) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self._folder / f".{secrets.token_hex(8)}"
        unfinished.write_bytes(bytes(message(letter, self._sender)))
        unfinished.replace(self._folder / f"{letter.message_id.partition('@')[0]}.eml")


def message(letter: Letter, sender: str) -> EmailMessage:
    """Raises Undeliverable if the address is none. Line breaks cannot get into the headers: `EmailMessage` refuses."""
    name, _, address = sender.rpartition("<")
    made = EmailMessage()
    try:
        made["From"] = Address(name.strip(), addr_spec=address.rstrip(">").strip())
        made["To"] = Address(addr_spec=letter.to)
        made["Subject"] = " ".join(letter.subject.split())
    except (ValueError, IndexError, MessageError) as error:
        raise Undeliverable(f"not an address: {type(error).__name__}") from None
    made["Date"] = format_datetime(datetime.now(UTC))
    made["Message-ID"] = f"<{letter.message_id}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(letter.text)
    return made


def domain_of(sender: str) -> str:
    """`example.org` of `Example <shop@example.org>`."""
    return sender.rpartition("@")[2].rstrip("> ")
