"""Letters that prove who reads an address, and tell its owner of changes: single-use tokens, sent from a queue.

Whoever asks for a letter leaves a line in the queue, whether or not anybody has that address: the same work, the same
answer, in the same time. The token is made when the letter is, and only its hash is kept, so none lies in the queue;
neither tokens nor these letters are ever facts.
"""

import asyncio
import hashlib
import secrets
from datetime import timedelta
from typing import Literal

import asyncpg
import structlog

from infrastructure.accounts import FIND
from infrastructure.database import UNREACHABLE, Pool
from infrastructure.mail.post import Letter, MailUnavailable, Post, Undeliverable

Purpose = Literal["email-verification", "password-reset", "already-registered", "password-changed", "email-changed"]

GOOD_FOR = {"email-verification": timedelta(hours=24), "password-reset": timedelta(minutes=30)}
"""Tokens are good for so long."""
HOLDS: dict[Purpose, Purpose] = {each: each for each in ("email-verification", "password-reset")}
HOLDS["already-registered"] = "password-reset"
"""What the token in a letter is for; other letters hold none."""
LOOK_EVERY_S = 0.5
ATTEMPTS_MAX = 10
AT_ONCE = 20

REQUEST = "INSERT INTO mail_requests (email, purpose) VALUES ($1, $2) ON CONFLICT DO NOTHING"
# Each attempt is paid for before it is made: after 4 s, 8 s, ... another worker may make the next one.
CLAIM = """UPDATE mail_requests SET attempts = attempts + 1,
        due_at = clock_timestamp() + make_interval(secs => 2.0 ^ (attempts + 2))
    WHERE (email, purpose) IN (SELECT email, purpose FROM mail_requests WHERE due_at <= clock_timestamp()
        ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING email, purpose, attempts"""
DONE = "DELETE FROM mail_requests WHERE email = $1 AND purpose = $2"
KEEP = """INSERT INTO mailed_tokens (user_id, purpose, token_hash, email, expires_at)
    VALUES ($1, $2, $3, $4, clock_timestamp() + $5::interval)
    ON CONFLICT (user_id, purpose) DO UPDATE
    SET token_hash = excluded.token_hash, email = excluded.email, expires_at = excluded.expires_at"""
REDEEM = """DELETE FROM mailed_tokens WHERE token_hash = $1 AND purpose = $2 AND expires_at > clock_timestamp()
    RETURNING user_id, email"""
WITHDRAW = "DELETE FROM mailed_tokens WHERE user_id = $1"
PRUNE = "DELETE FROM mailed_tokens WHERE expires_at < clock_timestamp()"

_WORDING = {
    "email-verification": ("is this your address?", "Please confirm that this address is yours, within 24 hours:"),
    "password-reset": ("a new password", "Somebody, perhaps you, wants a new password. Within 30 minutes:"),
    "already-registered": (
        "you have an account already",
        "Somebody, perhaps you, wanted to open an account with this address. There is one, and nothing has "
        "changed: just sign in. If you do not know the password any more, choose a new one within 30 minutes:",
    ),
    "password-changed": ("your password has changed", "Your password has changed, and you are signed out elsewhere."),
    "email-changed": ("your address has changed", "Your account has another e-mail address from now on."),
}
_NOT_YOU = "If this was not you, let us know."

log = structlog.get_logger(__name__)


class MailedTokens:
    """`link` is where customers go with a token (`{link}/password-reset?token=...`); without one they get it bare, with
    the path that takes it."""

    def __init__(self, pool: Pool, post: Post | None, *, shop: str, domain: str, link: str = "") -> None:
        self._pool, self._post = pool, post
        self._shop, self._domain, self._link = shop, domain, link.rstrip("/")

    async def request(self, email: str, purpose: Purpose) -> None:
        """Have a letter sent. The same letter that waits already is not sent twice."""
        await self._pool.execute(REQUEST, email, purpose)

    async def redeem(self, purpose: Purpose, token: str) -> tuple[str, str] | None:
        """The user that it was sent to, and the address; once."""
        found = await self._pool.returning(REDEEM, _hash(token), purpose)
        return (found[0]["user_id"], found[0]["email"]) if found else None

    async def withdraw(self, user_id: str) -> None:
        """What was sent to this user opens nothing any more."""
        await self._pool.execute(WITHDRAW, user_id)

    async def keep_sending(self) -> None:
        """Until cancelled. Any number of workers may: each takes what no other has."""
        while True:
            try:
                while await self.send_due():
                    pass
            except (*UNREACHABLE, asyncpg.PostgresError) as error:
                log.warning("letters_interrupted", error=str(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def send_due(self) -> int:
        """How many letters were due; those that did not get away are tried again later."""
        claimed = await self._pool.returning(CLAIM, AT_ONCE)
        await asyncio.gather(*(self._send(email, purpose, attempts) for email, purpose, attempts in claimed))
        return len(claimed)

    async def prune(self) -> None:
        await self._pool.execute(PRUNE)

    async def _send(self, email: str, purpose: Purpose, attempts: int) -> None:
        try:
            if self._post is not None and (letter := await self._letter(email, purpose)) is not None:
                await self._post.send(letter)
        except MailUnavailable as error:
            log.warning("letter_waits", purpose=purpose, attempts=attempts, error=str(error))
            if attempts < ATTEMPTS_MAX:
                return
        except Undeliverable as error:
            log.warning("mail_undeliverable", purpose=purpose, reason=str(error))
        await self._pool.execute(DONE, email, purpose)

    async def _letter(self, email: str, purpose: Purpose) -> Letter | None:
        subject, text = _WORDING[purpose]
        parts = ["Hello,", text, _NOT_YOU, self._shop]
        if (kind := HOLDS.get(purpose)) is not None:
            account = await self._pool.fetchrow(FIND, email)
            if account is None:
                return None
            token = secrets.token_urlsafe(32)
            await self._pool.execute(KEEP, account["user_id"], kind, _hash(token), email, GOOD_FOR[kind])
            parts.insert(2, f"{self._link}/{kind}?token={token}" if self._link else _bare(kind, token))
        message_id = f"{secrets.token_hex(16)}@{self._domain}"
        return Letter(message_id, email, f"{self._shop}: {subject}", "\n\n".join(parts) + "\n")


def _bare(kind: Purpose, token: str) -> str:
    """For a shop that has no page of its own for it yet."""
    more = ', "password": "<the new one>"' if kind == "password-reset" else ""
    return f"""{token}

(That is a token, to be sent as {{"token": "<it>"{more}}} to POST /v1/auth/{kind}/confirm. With DAYBOOK_ACCOUNT_URL set,
there would be a link here.)"""


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
